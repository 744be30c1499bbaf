"""A company's network: a forward proxy and a private certificate authority."""

import asyncio
import base64
import os
import ssl
from contextlib import suppress

import trustme

from vairosms_async.sandbox._thread import ThreadedServer


class ForwardProxy(ThreadedServer):
    """A forward proxy that accepts CONNECT requests.

    Args:
        user: ``"name:password"`` that clients must send. None: no password.

    Attributes:
        asked: The method and target of each request, in order.
        received: All bytes that clients sent, before and in tunnels.
        open_tunnels: Tunnels that are open now.
    """

    def __init__(self, user=None):
        self.asked = []
        self.received = bytearray()
        self.open_tunnels = 0
        self._credentials = user and base64.b64encode(user.encode()).decode()
        self._tasks = set()

    @property
    def address(self):
        """The proxy's ``host:port``."""
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self):
        self._server.close()
        await self.close_connections()

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *exc):
        await self.stop()

    async def close_connections(self):
        """Close all connections. The proxy still accepts new ones."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.received += head
            method, target, _ = head.decode().split("\r\n")[0].split(" ")
            self.asked.append((method, target))
            if self._credentials and f"Basic {self._credentials}" not in head.decode():
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n")
                writer.write(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
                return
            await self._tunnel(target, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client or the test closed the connection
        finally:
            writer.close()

    async def _tunnel(self, target, client_reader, client_writer):
        host, port = target.split(":")
        server_reader, server_writer = await asyncio.open_connection(host, int(port))
        self.open_tunnels += 1
        try:
            client_writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(
                self._copy(client_reader, server_writer, self.received),
                self._copy(server_reader, client_writer),
            )
        finally:
            self.open_tunnels -= 1
            server_writer.close()

    async def _copy(self, reader, writer, record=None):
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if record is not None:
                    record += data
                writer.write(data)
                await writer.drain()
        writer.close()


def forget_proxies(monkeypatch):
    """Remove this machine's proxy settings from the environment."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def company_ca(folder):
    """Create a private certificate authority.

    Returns:
        The path of its PEM file, and a server's TLS context with a certificate that it signed.
    """
    ca = trustme.CA()
    bundle = folder / "company.pem"
    ca.cert_pem.write_to_path(bundle)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return str(bundle), context
