"""A company's network: a forward proxy, and a certificate authority of its own."""

import asyncio
import base64
import os
import ssl
from contextlib import suppress

import trustme

from vairosms_async.sandbox._thread import InThread


class ForwardProxy(InThread):
    """An HTTP proxy for CONNECT, which may ask for a name and a password (``"name:password"``).

    It keeps what it was asked (`asked`), and all bytes that its clients sent (`heard`).
    """

    def __init__(self, user=None):
        self.asked = []
        self.heard = bytearray()
        self.tunnels = 0
        self.user = user
        self._tasks = set()

    @property
    def address(self):
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self):
        self._server.close()
        await self.hang_up()

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *exc):
        await self.stop()

    async def hang_up(self):
        """End what goes on, and stay there for what comes."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heard += head
            method, target, _ = head.decode().split("\r\n")[0].split(" ")
            self.asked.append((method, target))
            given = "Basic " + base64.b64encode((self.user or "").encode()).decode()
            if self.user is not None and given not in head.decode():
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n")
                writer.write(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
                return
            await self._tunnel(target, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has had enough, or the test has
        finally:
            writer.close()

    async def _tunnel(self, target, reader, writer):
        host, port = target.split(":")
        to, beyond = await asyncio.open_connection(host, int(port))
        self.tunnels += 1
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(self._pass(reader, beyond, self.heard), self._pass(to, writer))
        finally:
            self.tunnels -= 1
            beyond.close()

    async def _pass(self, reader, writer, heard=None):
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if heard is not None:
                    heard += data
                writer.write(data)
                await writer.drain()
        writer.close()


def forget_proxies(monkeypatch):
    """Take this machine's own proxies out of the environment."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def company_ca(folder):
    """Make an authority, its file, and a server's TLS context with a certificate of it."""
    ca = trustme.CA()
    bundle = folder / "company.pem"
    ca.cert_pem.write_to_path(bundle)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return str(bundle), context
