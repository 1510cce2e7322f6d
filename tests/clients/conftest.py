"""Each test has a server of its own: the real binary on a data directory of its own."""

import pytest

from support.earlier import EarlierExecutor, EarlierService
from support.peer import Peer
from support.proxy import Proxy
from support.rest import Api
from support.scripted import Worker
from support.server import STOP_SECONDS, Server

TOKEN = "gzt_wire_test"


class House:
    """A server, a REST caller, and everybody whom a test connects; all of them are gone at its end."""

    def __init__(self, server: Server):
        self.server = server
        self.api = Api(server.url, server.token)
        self._guests: list = []

    @property
    def url(self) -> str:
        return self.server.url

    async def observer(self, url: str | None = None, **options) -> Peer:
        return await self.keep(Peer(url or self.url, **options)).connect()

    async def stranger(self, **options) -> Peer:
        """Connected, and has said nothing yet."""
        peer = self.keep(Peer(self.url, **options))
        await peer.open()
        return peer

    async def worker(self, name: str = "worker", url: str | None = None, register: dict | None = None, **options) -> Worker:
        return await self.keep(Worker(url or self.url, name, **options)).start(**(register or {}))

    async def unregistered(self, name: str = "worker", url: str | None = None, **options) -> Worker:
        return await self.keep(Worker(url or self.url, name, **options)).connect()

    async def service(self, name: str, handlers: dict, capabilities: list[str] | None = None, url: str | None = None, **options):
        capabilities = capabilities or ["custom_processing"]
        return await self.keep(EarlierService(url or self.url, name, capabilities, handlers, **options)).start()

    async def executor(self, name: str, handlers: dict, **options) -> EarlierExecutor:
        return await self.keep(EarlierExecutor(self.url, name, handlers, **options)).start()

    async def network(self) -> Proxy:
        return await self.keep(Proxy(self.server.port)).open()

    def keep(self, guest):
        self._guests.append(guest)
        return guest

    async def close(self) -> None:
        # First the networks: nobody waits for an answer that a stalled one holds back.
        for network in [guest for guest in self._guests if isinstance(guest, Proxy)]:
            network.cut()
        for guest in reversed(self._guests):
            if isinstance(guest, Peer):
                await guest.close()
            elif not isinstance(guest, Proxy):
                await guest.stop()
        await self.api.close()


async def _house(server: Server):
    await server.start()
    house = House(server)
    try:
        yield house
    finally:
        await house.close()
        stopped = await server.stop() if server.running else None
        # Shown by pytest when the test failed.
        print("\n".join(server.log().splitlines()[-60:]))
    assert "panicked at" not in server.log()
    if stopped:
        code, seconds = stopped
        assert code == 0 and seconds <= STOP_SECONDS, f"SIGTERM: exit {code} after {seconds:.1f} s"


@pytest.fixture
async def house(tmp_path):
    """Authentication off."""
    async for house in _house(Server(tmp_path)):
        yield house


@pytest.fixture
async def guarded_house(tmp_path):
    """With a token."""
    async for house in _house(Server(tmp_path, token=TOKEN)):
        yield house
