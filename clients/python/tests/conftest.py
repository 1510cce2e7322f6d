"""Each test has a server of its own: the real binary on a data directory of its own."""

import signal
from pathlib import Path

import pytest

from gleitzeit_cluster import ExternalServiceNode

from support.patience import PATIENCE
from support.proxy import Proxy
from support.rest import Api
from support.scripted import task
from support.server import Server

# A shell that runs the tests in the background has them ignore Ctrl-C, and what they start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PACKAGE = Path(__file__).resolve().parents[1]
REPOSITORY = PACKAGE.parents[1]
TOKEN = "gzt_python_client_test"


class House:
    """A server, a REST caller, and the nodes of a test, all of which are gone at its end."""

    def __init__(self, server: Server):
        self.server = server
        self.api = Api(server.url, server.token, server.ca)
        self._guests: list = []

    @property
    def url(self) -> str:
        return self.server.url

    def node(
        self, name: str = "worker", handler=None, capability: str = "custom_processing", **options
    ) -> ExternalServiceNode:
        """A node that has not been started."""
        options.setdefault("cluster_url", self.url)
        options.setdefault("auth_token", self.server.token)
        node = ExternalServiceNode(name, capabilities=[capability], **options)
        if handler is not None:
            node.register_task_handler(capability, handler)
        self._guests.append(node)
        return node

    async def serve(self, handler, name: str = "worker", **options) -> ExternalServiceNode:
        """A node that is registered."""
        node = self.node(name, handler, **options)
        await node.open()
        await node.registered(PATIENCE)
        return node

    async def network(self) -> Proxy:
        proxy = await Proxy(self.server.port).open()
        self._guests.append(proxy)
        return proxy

    async def close(self) -> None:
        for guest in self._guests:
            if isinstance(guest, Proxy):
                guest.cut()
        for guest in self._guests:
            if not isinstance(guest, Proxy):
                await guest.stop()
        await self.api.close()


async def open_house(server: Server, key: str | None = None):
    await server.start()
    server.token = key or server.token
    house = House(server)
    try:
        yield house
    finally:
        await house.close()
        if server.running:
            await server.stop()
        # Shown by pytest when the test failed.
        print("\n".join(server.log().splitlines()[-40:]))
    assert "panicked at" not in server.log()


@pytest.fixture
async def house(tmp_path):
    """Authentication off."""
    async for house in open_house(Server(tmp_path)):
        yield house


@pytest.fixture
async def patient_house(tmp_path):
    """Waits until tomorrow for a connection that breaks: only what is handed back in order comes back at all."""
    config = "[limits]\ndisconnect_grace_seconds = 86400\nliveness_seconds = 86400\n"
    async for house in open_house(Server(tmp_path, config=config)):
        yield house


@pytest.fixture
async def guarded_house(tmp_path):
    """With a token."""
    async for house in open_house(Server(tmp_path, token=TOKEN)):
        yield house


@pytest.fixture
async def keyed_house(tmp_path):
    """With the key of a first admin, and no token."""
    server = Server(tmp_path)
    async for house in open_house(server, server.first_key()):
        yield house


def work(name: str = "work", *dependencies: str, **fields) -> dict:
    """One task for a node of `House.node`; one try unless `attempts` says otherwise."""
    return task(name, *dependencies, **fields)
