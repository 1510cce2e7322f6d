"""Keys, with python-socketio: what a service key opens, and that a revoked one closes."""

import pytest

from conftest import House
from support.earlier import echo
from support.patience import until
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


async def test_a_node_id_stays_with_the_user_who_registered_it(keyed_house):
    """For as long as the node is known: whoever takes over a node id takes over what it holds."""
    api = keyed_house.api
    keys = {}
    for user in ("anna", "bob"):
        await api.post("/users", json={"name": user, "role": "service"})
        body = {"user": user, "role": "service", "services": ["echo"], "capabilities": ["custom_processing"]}
        keys[user] = [(await api.post("/keys", json={**body, "name": f"{user} {n}"}))["secret"] for n in range(2)]
    anna = await keyed_house.worker("echo", token=keys["anna"][0])
    workflow = await api.submit([task("work")])
    assignment = await anna.assigned()
    await anna.accept(assignment)
    bob = await keyed_house.unregistered("echo", node_id=anna.node_id, token=keys["bob"][0])
    refused = await bob.call("node:register", bob.registration)
    assert refused["ok"] is False and refused["code"] == "GZ4021" and "another user" in refused["message"], refused
    # Another key of the same user is the same service, and the task goes with it.
    again = await keyed_house.unregistered("echo", node_id=anna.node_id, token=keys["anna"][1])
    answer = await again.register(active=[{"task_id": assignment["task_id"], "attempt": assignment["attempt"]}])
    assert answer["held"] == [assignment["task_id"]]
    assert (await again.complete(assignment, "anna"))["ok"] is True
    assert await api.completed(workflow) == {"work": "anna"}
    await again.close()

    async def free() -> bool:
        return (await bob.call("node:register", bob.registration))["ok"]

    await until(free, "the node is gone, and its id is free")


async def test_a_revoked_key_ends_the_connection(keyed_house):
    key = await service_key(keyed_house, "echo")
    peer = await keyed_house.observer(token=key["secret"])
    assert (await keyed_house.api.ask("DELETE", f"/keys/{key['id']}")).status == 200
    told = await peer.next("authentication_failed")
    assert told["code"] == "GZ4010"
    await peer.next("(disconnected)")
