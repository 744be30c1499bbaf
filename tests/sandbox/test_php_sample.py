"""The sandbox panel answers POST as it answers GET: the provider's PHP sample, and curl."""

import asyncio
import json
import os
import shutil
import ssl
import subprocess
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
import trustme

from tests.helpers import KEY, example_packet
from tests.platforms import posix
from vairosms_async.sandbox import Fault, SandboxPanel, SandboxRequest

pytestmark = posix

# Debian's packages php-cli and php-curl. PHP without php-curl fails the tests.
PHP = shutil.which("php")
CURL = shutil.which("curl")
needs_php = pytest.mark.skipif(not PHP, reason="php is not installed")
needs_curl = pytest.mark.skipif(not CURL, reason="curl is not installed")

# The sample of the provider's page "API Desteği - Gönderim Bilgisi", unchanged.
PHP_SAMPLE = """
  $ch = curl_init('https://vairosms.com/Panel/api/v1/GonderimBilgisi/52?api_key=[api_keyiniz]');
  curl_setopt_array($ch, array(
    CURLOPT_POST => TRUE,
    CURLOPT_RETURNTRANSFER => TRUE,
    CURLOPT_HTTPHEADER => array('Content-Type: application/json'),
    CURLOPT_SSL_VERIFYPEER => false,
  ));

  $http_response = curl_exec($ch);
  $http_code = curl_getinfo($ch, CURLINFO_HTTP_CODE);

  return $http_response;
"""
PHP_PROGRAM = """<?php
function sample(&$http_code) {%s}
$answer = sample($http_code);
echo json_encode(array($http_code, json_decode($answer)));
"""


def run(*command):
    """Run a program that must succeed. Return its output."""
    environment = {**os.environ, "no_proxy": "*"}
    ran = subprocess.run(command, env=environment, capture_output=True, timeout=30, check=False)
    assert ran.returncode == 0, (ran.stdout + ran.stderr).decode()
    return ran.stdout.decode()


def run_php_sample(folder, panel, *, gonderim_id=52, key=KEY):
    """Run the sample against a panel. Return the HTTP status and the JSON of the answer."""
    sample = PHP_SAMPLE.replace("https://vairosms.com/Panel/api/v1", panel.base_url)
    sample = sample.replace("[api_keyiniz]", quote(key, safe="")).replace(
        "/52?", f"/{gonderim_id}?"
    )
    program = Path(folder, "sample.php")
    program.write_text(PHP_PROGRAM % sample, "utf-8")
    return json.loads(run(PHP, program))


@needs_php
@pytest.mark.parametrize("gonderim_id", [52, 61])
def test_the_php_sample_gets_the_packet(tmp_path, gonderim_id):
    with SandboxPanel(KEY) as panel:
        status, answer = run_php_sample(tmp_path, panel, gonderim_id=gonderim_id)
        (request,) = panel.request_log
        assert panel.requests_by_id == {gonderim_id: 1}
    assert status == 200
    assert answer == {"durum": True, "aciklama": example_packet(gonderim_id)}
    path = f"/Panel/api/v1/GonderimBilgisi/{gonderim_id}"
    assert request == SandboxRequest("POST", path, request.time, 200)


@needs_php
def test_the_php_sample_gets_the_packet_over_https(tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with SandboxPanel(KEY, ssl_context=context) as panel:
        assert panel.base_url.startswith("https://")
        status, answer = run_php_sample(tmp_path, panel)
    assert (status, answer["aciklama"]) == (200, example_packet(52))


@needs_php
def test_the_php_sample_gets_the_errors_of_the_panel(tmp_path):
    with SandboxPanel(KEY) as panel:
        wrong_key = run_php_sample(tmp_path, panel, key="wrong")
        unknown_id = run_php_sample(tmp_path, panel, gonderim_id=9_999_999)
        panel.fail(Fault("status", 400, aciklama="MISSING_MESSAGE"))
        fault = run_php_sample(tmp_path, panel)
    refused = "Gönderilen api_key bilgisi hatalı, lütfen kontrol edin."
    assert wrong_key == [401, {"durum": False, "aciklama": refused}]
    assert unknown_id == [404, {"durum": False, "aciklama": "Gönderim bulunamadı."}]
    assert fault == [400, {"durum": False, "aciklama": "MISSING_MESSAGE"}]


@needs_curl
@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="GET"),
        pytest.param(["--request", "POST"], id="POST-without-a-body"),
        pytest.param(["--data", ""], id="POST-with-an-empty-body"),
        pytest.param(["--data", '{"id": 52}'], id="POST-with-a-body"),
        pytest.param(
            ["--request", "POST", "--upload-file", os.devnull, "--header", "Expect: 100-continue"],
            id="POST-in-chunks",
        ),
    ],
)
def test_curl_gets_the_same_answer_with_get_and_post(options):
    with SandboxPanel(KEY) as panel:
        url = f"{panel.base_url}/GonderimBilgisi/52?api_key={quote(KEY, safe='')}"
        printed = run(CURL, "--silent", "--write-out", "%{http_code}", *options, url)
        assert panel.requests == 1
    assert json.loads(printed[:-3]) == {"durum": True, "aciklama": example_packet(52)}
    assert printed[-3:] == "200"


async def test_latency_faults_and_the_rate_limit_apply_to_post():
    async with (
        SandboxPanel(KEY, latency=0.05, rate_limit=(2, 60)) as panel,
        aiohttp.ClientSession() as session,
    ):
        panel.fail(Fault("html", 503))
        began = asyncio.get_running_loop().time()
        statuses = []
        for _ in range(4):
            url = f"{panel.base_url}/GonderimBilgisi/52"
            async with session.post(url, params={"api_key": KEY}) as response:
                statuses.append(response.status)
        assert statuses == [503, 200, 200, 429]
        assert asyncio.get_running_loop().time() - began >= 0.2
