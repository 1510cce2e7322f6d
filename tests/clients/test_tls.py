"""Services that are written with nothing but python-socketio reach a server that speaks TLS."""

import aiohttp
import pytest
import socketio

from conftest import TOKEN, House, open_house
from support.peer import POLLING, WEBSOCKET
from support.scripted import Worker, task
from support.server import Server
from support.tls import self_signed, trusting


@pytest.fixture
async def encrypted_house(tmp_path):
    async for house in open_house(Server(tmp_path, token=TOKEN).encrypt(tmp_path / "tls")):
        yield house


@pytest.mark.parametrize("transports", [WEBSOCKET, POLLING, POLLING + WEBSOCKET], ids="+".join)
async def test_a_service_takes_and_completes_tasks_over_tls(encrypted_house: House, transports):
    assert encrypted_house.url.startswith("https://")
    async with aiohttp.ClientSession(connector=trusting(encrypted_house.server.ca)) as session:
        worker = Worker(encrypted_house.url, "press", transports=transports, token=TOKEN, session=session)
        await worker.start()
        workflow = await encrypted_house.api.submit([task("one"), task("two", "one")])
        await worker.run("first")
        await worker.run({"second": True})
        assert await encrypted_house.api.completed(workflow) == {"one": "first", "two": {"second": True}}
        await worker.close()


async def test_a_certificate_that_nobody_vouches_for_is_not_spoken_to(encrypted_house: House, tmp_path):
    other, _ = self_signed(tmp_path / "other")
    async with aiohttp.ClientSession(connector=trusting(other)) as session:
        worker = Worker(encrypted_house.url, token=TOKEN, session=session)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await worker.open()
    services = (await encrypted_house.api.get("/services"))["items"]
    assert "worker" not in [service["name"] for service in services]
