"""nginx, for the tests with a real reverse proxy and for the benchmarks."""

import shutil
import socket
from pathlib import Path

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")

_CONFIG = """
{main}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {http}
}}
"""


def free_port():
    """Return a TCP port on loopback that nothing listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def command(folder, http, main=""):
    """Write an nginx configuration into a folder. Return the command that runs nginx with it.

    Args:
        folder: Where nginx keeps all its files.
        http: The directives of the http block.
        main: Directives outside of any block.
    """
    config = Path(folder, "nginx.conf")
    config.write_text(_CONFIG.format(folder=folder, http=http, main=main))
    return [NGINX, "-c", config, "-p", folder, "-e", Path(folder, "error.log")]
