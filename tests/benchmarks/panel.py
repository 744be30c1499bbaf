"""The panel of the benchmarks: nginx on a separate core, which costs little."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.answers import answer_json
from tests.integrations.nginx import NGINX, command, free_port

KEY = "a-key-of-the-benchmarks"
LATENCY = 0.020

_ECHO = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")

_HTTP = """
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    default_type application/json;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location ~ ^/Panel/api/v1/GonderimBilgisi/(?<gonderim>\\d+)$ {{
            return 200 '{answer}';
        }}
        location ~ ^/Slow/api/v1/GonderimBilgisi/(?<gonderim>\\d+)$ {{
            echo_sleep {latency};
            echo '{answer}';
        }}
    }}
"""


@contextmanager
def panel(core: int) -> Iterator[str]:
    """Run nginx on a core, and give its root URL. Paths below ``/Slow`` answer after 20 ms."""
    if NGINX is None:
        raise SystemExit("nginx is missing. Install it: apt-get install nginx-light")
    if not _ECHO.exists():
        raise SystemExit(
            "nginx's echo module is missing. Install it: apt-get install libnginx-mod-http-echo"
        )
    port = free_port()
    answer = answer_json('"$gonderim"').replace('"$gonderim"', "$gonderim")
    http = _HTTP.format(port=port, answer=answer, latency=LATENCY)
    with tempfile.TemporaryDirectory() as folder:
        nginx = command(folder, http, main=f"load_module {_ECHO};")
        process = subprocess.Popen(["taskset", "-c", str(core), *nginx])
        try:
            _wait_until_open(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _wait_until_open(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nginx did not open port {port} within 5 s. Read its messages above.")
