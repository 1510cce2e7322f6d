"""A bad network between a client and the server: cut, or silent on an open connection."""

import asyncio

from .address import Reserved


class Proxy:
    """Forwards TCP to the server until it is cut or stalled."""

    def __init__(self, port: int):
        self._target = port
        self._listener: asyncio.Server | None = None
        self._pipes: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._address = Reserved()
        self.port = self._address.port

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

    def stall(self) -> None:
        """Connections stay open and nothing passes."""
        self._flowing.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._pipes |= {writer, far_writer}
        both = [
            asyncio.create_task(self._pump(reader, far_writer)),
            asyncio.create_task(self._pump(far_reader, writer)),
        ]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for pipe in (writer, far_writer):
            self._pipes.discard(pipe)
            pipe.transport.abort()
        await asyncio.gather(*both, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            return
