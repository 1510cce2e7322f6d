"""Each test has a server of its own: the real binary on a data directory of its own."""

import pytest

from support.earlier import EarlierClient, EarlierExecutor, EarlierService
from support.patience import until
from support.peer import Peer
from support.proxy import Proxy
from support.rest import Api
from support.scripted import Worker
from support.server import Server

TOKEN = "gzt_wire_test"


class House:
    """A server, a REST caller, and everybody whom a test connects; all of them are gone at its end."""

    def __init__(self, server: Server):
        self.server = server
        self.api = Api(server.url, server.token, server.ca)
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
        return await self._registered(EarlierService(url or self.url, name, capabilities, handlers, **options))

    async def executor(self, name: str, handlers: dict, **options):
        return await self._registered(EarlierExecutor(self.url, name, handlers, **options))

    async def _registered(self, client: EarlierClient):
        """The client waits for no answer to its registration, and what a test asks next may be there before it."""
        await self.keep(client).start()
        path = f"/services/{client.node_id}"

        async def known() -> bool:
            return (await self.api.ask("GET", path)).status == 200

        if client.authentication_error is None:
            await until(known, f"{client.name} is registered")
        return client

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


async def open_house(server: Server):
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
        assert code == 0, f"SIGTERM: exit {code} after {seconds:.1f} s"


@pytest.fixture
async def house(tmp_path):
    """Authentication off."""
    async for house in open_house(Server(tmp_path)):
        yield house


@pytest.fixture
async def guarded_house(tmp_path):
    """With a token."""
    async for house in open_house(Server(tmp_path, token=TOKEN)):
        yield house
