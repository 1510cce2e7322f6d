"""Keys, with python-socketio: what a service key opens, and that a revoked one closes."""

import pytest

from conftest import House
from support.earlier import echo
from support.scripted import service_registration, task
from support.server import Server


@pytest.fixture
async def keyed_house(tmp_path):
    """With the first key, and no token."""
    server = Server(tmp_path)
    key = server.first_key()
    await server.start()
    server.token = key
    house = House(server)
    try:
        yield house
    finally:
        await house.close()
        await server.stop()


async def service_key(house, name: str) -> dict:
    body = {"user": "admin", "name": name, "role": "service", "services": [name], "capabilities": ["custom_processing"]}
    return await house.api.post("/keys", json=body)


async def test_a_service_key_runs_tasks_of_its_service(keyed_house):
    key = await service_key(keyed_house, "echo")
    await keyed_house.service("echo", {"custom_processing": echo}, token=key["secret"])
    results = await keyed_house.api.completed(await keyed_house.api.submit([task("work")]))
    assert results == {"work": {"echo": {"step": "work"}}}
    stranger = await keyed_house.stranger()
    answer = await stranger.call("node:register", service_registration("x", "x", ["custom_processing"], 1))
    assert answer["ok"] is False and answer["code"] == "GZ4001"


async def test_a_service_key_is_for_nothing_else(keyed_house):
    key = await service_key(keyed_house, "echo")
    peer = await keyed_house.observer(token=key["secret"])
    answer = await peer.call("node:register", service_registration("x", "other", ["custom_processing"], 1))
    assert answer["ok"] is False and answer["code"] == "GZ4021"
    for event in ("workflow:submit", "cluster:stats", "monitor:subscribe", "watch"):
        answer = await peer.call(event, {"workflow_id": "w"})
        assert answer["ok"] is False and answer["code"] == "GZ4021", event


async def test_a_revoked_key_ends_the_connection(keyed_house):
    key = await service_key(keyed_house, "echo")
    peer = await keyed_house.observer(token=key["secret"])
    assert (await keyed_house.api.ask("DELETE", f"/keys/{key['id']}")).status == 200
    told = await peer.next("authentication_failed")
    assert told["code"] == "GZ4010"
    await peer.next("(disconnected)")
