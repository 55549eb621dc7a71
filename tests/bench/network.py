"""The network between a function and the services, and their certificate."""

import asyncio
import contextlib
import ssl
from pathlib import Path

import trustme

# Seconds from a request to its response, without the time that the service takes.
ROUND_TRIP = 0.001


async def _copy_data(source: asyncio.StreamReader, target: asyncio.StreamWriter, delay: float) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(1 << 16):
            if delay:
                await asyncio.sleep(delay)
            target.write(data)
            await target.drain()
    target.close()


async def open_relay(port: int) -> int:
    """Starts a relay to a port of this machine that takes a round trip for every request, and one to
    open a connection. Returns the port of the relay."""

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        service_reader, service_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(ROUND_TRIP)
        requests, responses = _copy_data(reader, service_writer, ROUND_TRIP), _copy_data(service_reader, writer, 0)
        with contextlib.suppress(asyncio.CancelledError):  # when the measurement ends
            await asyncio.gather(requests, responses)

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    return int(server.sockets[0].getsockname()[1])


def create_certificate(bundle: Path) -> ssl.SSLContext:
    """Writes the root certificate to a file, and returns what a server of 127.0.0.1 needs."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    return context
