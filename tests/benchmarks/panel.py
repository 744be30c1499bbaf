"""The other end: nginx, which costs little and stands on a core of its own."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.answers import answer_json

KEY = "a-key-of-the-benchmarks"
LATENCY = 0.020

_NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
_ECHO = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")

_CONFIG = """
{modules}
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
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    default_type application/json;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location ~ ^/Panel/api/v1/GonderimBilgisi/(?<gonderim>\\d+)$ {{
            return 200 '{answer}';
        }}
        {slow}
    }}
}}
"""

_SLOW = """
        location ~ ^/Slow/api/v1/GonderimBilgisi/(?<gonderim>\\d+)$ {{
            echo_sleep {latency};
            echo '{answer}';
        }}
"""


@contextmanager
def panel(core: int) -> Iterator[str]:
    """Serve on a core, and give the root of its URLs; below ``/Slow`` it answers after 20 ms."""
    if _NGINX is None:
        raise SystemExit("the benchmarks need nginx: apt-get install nginx-light")
    if not _ECHO.exists():
        raise SystemExit("the benchmarks need a slow nginx: apt-get install libnginx-mod-http-echo")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    answer = answer_json('"$gonderim"').replace('"$gonderim"', "$gonderim")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "nginx.conf")
        config.write_text(
            _CONFIG.format(
                modules=f"load_module {_ECHO};",
                folder=folder,
                port=port,
                answer=answer,
                slow=_SLOW.format(latency=LATENCY, answer=answer),
            )
        )
        process = subprocess.Popen(["taskset", "-c", str(core), _NGINX, "-c", config, "-p", folder])
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("nginx does not answer")
