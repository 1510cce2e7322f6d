"""A server that speaks TLS with a certificate of its own, for services and programs."""

import pytest

from gleitzeit_cluster import GleitzeitCluster, ServerUnreachable

from conftest import TOKEN, House, open_house, work
from support.server import Server
from support.tls import self_signed


@pytest.fixture
async def encrypted_house(tmp_path, monkeypatch):
    server = Server(tmp_path, token=TOKEN).encrypt(tmp_path / "tls")
    monkeypatch.setenv("GLEITZEIT_CA", str(server.ca))
    async for house in open_house(server):
        yield house


@pytest.mark.parametrize("transports", [("websocket",), ("polling",)], ids="+".join)
async def test_a_service_and_a_program_reach_a_server_by_tls(encrypted_house: House, transports):
    async def press(task):
        return "pressed"

    assert encrypted_house.url.startswith("https://")
    await encrypted_house.serve(press, "press", transports=transports)
    assert await encrypted_house.api.completed(await encrypted_house.api.submit([work()])) == {"work": "pressed"}
    seen = []
    async with GleitzeitCluster(encrypted_house.url, auth_token=TOKEN, start_server=False) as cluster:
        cluster.on("workflow_completed", lambda *told: seen.append(told))
        workflow = cluster.create_workflow("Encrypted")
        workflow.add_external_task("Work", "custom_processing", "press")
        result = await cluster.execute_workflow(workflow)
    assert result.status.value == "completed", result
    assert seen, "what happens comes by a websocket"


async def test_a_certificate_that_nobody_named_is_not_trusted(encrypted_house: House, tmp_path, monkeypatch):
    other, _ = self_signed(tmp_path / "other")
    for ca in (str(other), ""):
        monkeypatch.setenv("GLEITZEIT_CA", ca)
        with pytest.raises(ServerUnreachable, match="certificate"):
            await GleitzeitCluster(encrypted_house.url, auth_token=TOKEN, start_server=False).start()
