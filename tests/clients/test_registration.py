"""Connecting, authenticating with authentication off, registering, and what everybody is told about it."""

import asyncio
import uuid

import pytest

from support.earlier import echo
from support.patience import until
from support.peer import POLLING, WEBSOCKET, Peer
from support.scripted import TASK_TYPES, task


@pytest.mark.parametrize("transports", [WEBSOCKET, POLLING, ("polling", "websocket")], ids=["websocket", "polling", "upgrade"])
async def test_a_service_runs_tasks_over_each_transport(house, transports):
    service = await house.service("echo", {"custom_processing": echo}, transports=transports)
    workflow = await house.api.submit([task("first"), task("second", "first", parameters={"got": "{{first.result}}"})])
    results = await house.api.completed(workflow)
    assert results["second"] == {"echo": {"got": {"echo": {"step": "first"}}}}
    assert service.duplicates == [] and len(service.assignments) == 2


async def test_the_registration_of_a_service_is_broadcast(house):
    observer = await house.observer()
    service = await house.service("trainer", {}, ["ml_training", "ml_inference"], capacity=7)
    told = await observer.next("external_service:registered")
    assert told["service_id"] == service.node_id
    assert told["service_name"] == "trainer"
    assert told["node_type"] == "external_service"
    assert sorted(told["capabilities"]) == ["ml_inference", "ml_training"]
    # `external_ml` came twice.
    assert sorted(set(told["task_types"])) == sorted({*TASK_TYPES["ml_training"], *TASK_TYPES["ml_inference"]})
    assert told["max_concurrent_tasks"] == 7
    naive(told["timestamp"])


async def test_the_registration_of_an_executor_is_broadcast(house):
    observer = await house.observer()
    node = await house.executor("texts", {"text": echo})
    told = await observer.next("node:registered", node_id=node.node_id)
    assert (told["name"], told["node_type"]) == ("texts", "executor")
    assert told["capabilities"]["task_types"] == ["text"]
    naive(told["timestamp"])


def naive(timestamp: str) -> None:
    """UTC in ISO 8601 without a zone: the earlier clients compare it with their own naive time."""
    assert "T" in timestamp and not timestamp.endswith("Z") and "+" not in timestamp, timestamp


async def test_a_departure_is_broadcast(house):
    observer = await house.observer()
    service = await house.service("leaving", {}, ["api_integration"])
    node = await house.executor("going", {"text": echo})
    await until(lambda: observer.seen("node:registered") and observer.seen("external_service:registered"), "both")
    await service.stop()
    told = await observer.next("external_service:disconnected")
    assert (told["service_id"], told["service_name"], told["node_type"]) == (service.node_id, "leaving", "external_service")
    assert told["capabilities"] == ["api_integration"]
    await node.stop()
    told = await observer.next("node:disconnected")
    assert (told["node_id"], told["name"], told["node_type"]) == (node.node_id, "going", "executor")


async def test_a_change_of_status_is_broadcast(house):
    observer = await house.observer()
    worker = await house.worker("worker")
    await worker.emit("node:status", {"node_id": worker.node_id, "status": "draining"})
    told = await observer.next("node:status_change")
    assert (told["node_id"], told["new_status"]) == (worker.node_id, "draining")
    assert told["old_status"] and told["timestamp"]


async def test_any_token_and_none_is_fine_while_authentication_is_off(house):
    for token in ("demo_token", "something else", None):
        await house.observer(token=token)
    silent = await house.stranger()
    await silent.emit("cluster:stats", {"request_id": "before authenticate"})
    assert (await silent.next("cluster:stats_response"))["request_id"] == "before authenticate"


async def test_what_a_client_says_right_after_connecting_is_not_lost(house):
    """The handlers are there before the client is: repeated, because losing it was a matter of chance."""
    for number in range(40):
        peer = Peer(house.url)

        async def at_once(*_, peer=peer, number=number):
            await peer.emit("cluster:stats", {"request_id": f"r{number}"})

        peer.sio.on("connect", at_once, namespace="/cluster")
        await peer.open()
        await peer.next("cluster:stats_response", request_id=f"r{number}")
        await peer.close()


async def test_the_stats_count_who_is_here(house):
    observer = await house.observer()
    await house.service("service", {})
    await house.executor("node", {"text": echo})
    await house.stranger()
    await until(lambda: observer.seen("node:registered") and observer.seen("external_service:registered"), "both are told")
    workflow = await house.api.submit([task("waits", kind="ml_training")])
    await observer.emit("cluster:stats", {"request_id": "r1"})
    stats = await observer.next("cluster:stats_response", request_id="r1")
    assert stats["connected_clients"] == 4 and stats["authenticated_clients"] >= 3
    assert stats["external_services"] == 1 and stats["executor_nodes"] >= 1
    assert stats["active_workflows"] == 1
    await house.api.post(f"/workflows/{workflow}/cancel")


async def test_a_newer_connection_of_the_same_node_takes_over(house):
    node_id = f"twin-{uuid.uuid4().hex[:6]}"
    old = await house.worker("twin", node_id=node_id)
    new = await house.worker("twin", node_id=node_id)
    workflow = await house.api.submit([task("work")])
    await new.run("from the new one")
    assert await house.api.completed(workflow) == {"work": "from the new one"}
    assert old.seen("task:assign") == []


async def test_services_are_listed_by_rest(house):
    service = await house.service("listed", {}, ["api_integration"], capacity=3)
    found = await house.api.get(f"/services/{service.node_id}")
    assert found["name"] == "listed"
    everyone = await house.api.get("/services")
    assert service.node_id in [each["id"] for each in everyone["items"]]
    assert (await house.api.ask("GET", "/services/nobody")).status == 404


async def test_a_registration_that_makes_no_sense_is_refused_by_name(house):
    worker = await house.unregistered("rubbish")
    for wrong in ({"capabilities": {"max_concurrent_tasks": "many"}}, {"node_id": ""}, {"node_id": 7}):
        answer = await worker.call("node:register", {**worker.registration, **wrong})
        assert answer["ok"] is False and answer["code"].startswith("GZ") and answer["message"]
        assert next(iter(wrong)) in answer["message"] or "max_concurrent_tasks" in answer["message"]
    for rubbish in ("text", [1, 2], 5):
        answer = await worker.call("node:register", rubbish)
        assert answer["ok"] is False, answer
    answer = await worker.call("no:such:event", {"a": 1})
    assert answer["ok"] is False and "no:such:event" in answer["message"]
    await worker.register()
    await asyncio.sleep(0)
    assert (await worker.heartbeat())["ok"] is True


async def test_why_names_the_requirements_that_nobody_meets(house):
    """What is wanted, and what the nearest worker lacks of it."""
    far = await house.worker("far")
    near = await house.unregistered("near")
    offers = {**near.registration["capabilities"], "cpu_cores": 2, "has_gpu": True, "tags": ["blue"]}
    await near.register(capabilities=offers)
    required = {"cpu_cores": 8, "requires_gpu": True, "required_models": ["mistral"], "node_tags": ["blue"]}
    workflow = await house.api.submit([task("work", requirements=required)])
    why = await house.api.why(workflow, "work")
    assert "on a worker with 8 CPU cores, a GPU, the model mistral, the tag blue" in why, why
    assert f"the nearest is {near.node_id}, which lacks 8 CPU cores (it has 2), the model mistral" in why, why
    assert far.node_id not in why
