"""A bad network between a client and the server: cut, silent on an open connection, slow, or deaf in one direction."""

import asyncio
import enum

from .address import Reserved


class Way(enum.Enum):
    TO_SERVER = "to the server"
    TO_CLIENT = "to the client"


class Proxy:
    """Forwards TCP to the server until it is cut or stalled."""

    def __init__(self, port: int):
        self._target = port
        self._listener: asyncio.Server | None = None
        self._pipes: set[asyncio.StreamWriter] = set()
        self._flowing = {way: asyncio.Event() for way in Way}
        self._delay_seconds = 0.0
        self._bytes_per_second: float | None = None
        self._address = Reserved()
        self.port = self._address.port
        self.heal()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> "Proxy":
        """Takes connections, on the same port each time."""
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    def cut(self) -> None:
        """Every connection is reset and new ones are refused: a pulled cable, a dead process."""
        if self._listener:
            self._listener.close()
        for pipe in list(self._pipes):
            pipe.transport.abort()

    def stall(self, *ways: Way) -> None:
        """Connections stay open and nothing passes; with `ways`, in these directions alone: a connection half open."""
        for way in ways or Way:
            self._flowing[way].clear()

    def delay(self, seconds: float) -> None:
        """Everything takes so much longer."""
        self._delay_seconds = seconds

    def trickle(self, bytes_per_second: float) -> None:
        self._bytes_per_second = bytes_per_second

    def heal(self) -> None:
        """Everything passes again, what was held back first."""
        self._delay_seconds, self._bytes_per_second = 0.0, None
        for flowing in self._flowing.values():
            flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._pipes |= {writer, far_writer}
        both = [
            asyncio.create_task(self._pump(Way.TO_SERVER, reader, far_writer)),
            asyncio.create_task(self._pump(Way.TO_CLIENT, far_reader, writer)),
        ]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for pipe in (writer, far_writer):
            self._pipes.discard(pipe)
            pipe.transport.abort()
        await asyncio.gather(*both, return_exceptions=True)

    async def _pump(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flowing[way].wait()
                await asyncio.sleep(self._delay_seconds)
                await self._write(writer, data)
        except OSError:
            return

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        while data and self._bytes_per_second is not None:
            writer.write(data[:1])
            data = data[1:]
            await asyncio.sleep(1 / self._bytes_per_second)
        writer.write(data)
        await writer.drain()
