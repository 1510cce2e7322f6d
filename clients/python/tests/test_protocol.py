"""Rules of the protocol that a well-behaved server never makes visible, against a server that does what the test says."""

import asyncio

import pytest

from gleitzeit_cluster import ExternalServiceCapability, ExternalServiceNode

from scripted import ScriptedServer
from support.patience import PATIENCE, until


@pytest.fixture
async def scripted():
    server = await ScriptedServer().start()
    yield server
    await server.stop()


class Serving:
    def __init__(self, server, capacity: int = 2, **options):
        self.server = server
        self.starts: list = []
        self.release = asyncio.Event()
        self.node = ExternalServiceNode(
            "svc",
            service_id="n1",
            cluster_url=server.url,
            capabilities=[ExternalServiceCapability.CUSTOM_PROCESSING, ExternalServiceCapability.ML_TRAINING],
            max_concurrent_tasks=capacity,
            **options,
        )
        self.node.register_task_handler("custom_processing", self.handler)

    async def handler(self, task):
        self.starts.append((task["task_id"], task["attempt"]))
        await self.release.wait()
        return {"did": task["task_id"], "attempt": task["attempt"]}

    async def __aenter__(self):
        await self.node.open()
        await self.node.registered(PATIENCE)
        return self

    async def __aexit__(self, *_):
        self.release.set()
        await self.node.stop()


async def test_hello_and_registration(scripted):
    async with Serving(scripted, auth_token="secret"):
        hello = await scripted.next("authenticate")
        assert hello == {"token": "secret", "client_type": "external_service", "service_name": "svc", "client_id": "n1"}
        said = await scripted.next("node:register")
        assert said["node_id"] == "n1" and said["name"] == "svc" and said["node_type"] == "external_service"
        offered = said["capabilities"]
        assert offered["task_types"] == ["external_custom", "custom_processing", "external_ml", "ml_training"]
        assert offered["service_capabilities"] == ["custom_processing", "ml_training"]
        assert offered["max_concurrent_tasks"] == 2 and offered["external_service"] is True
        assert said["restart_aware"] is True and said["active"] == [] and said["heartbeat_ms"] == 30_000


async def test_accept_and_complete_name_the_attempt_and_ask_for_an_answer(scripted):
    async with Serving(scripted) as serving:
        serving.release.set()
        scripted.assign("a", attempt=3)
        named = {"task_id": "a", "workflow_id": "w", "attempt": 3, "node_id": "n1", "service_name": "svc"}
        assert await scripted.next("task:accepted") == named
        assert await scripted.next("task:completed") == {**named, "result": {"did": "a", "attempt": 3}}
        await until(lambda: serving.node.get_status()["undelivered_results"] == 0, "it was acknowledged")


async def test_a_server_without_attempts_is_answered_without_them(scripted):
    async with Serving(scripted) as serving:
        serving.node._handlers.register("custom_processing", lambda task: "fine")
        data = {"task_id": "a", "workflow_id": "w", "task_type": "external_custom", "parameters": {}}
        scripted.do("emit", event="task:assign", data=data)
        assert "attempt" not in await scripted.next("task:accepted")
        done = await scripted.next("task:completed")
        assert done["result"] == "fine" and "attempt" not in done


async def test_the_same_attempt_is_started_once(scripted):
    async with Serving(scripted) as serving:
        scripted.assign("a")
        await scripted.next("task:accepted")
        scripted.assign("a")
        await scripted.next("task:accepted")
        serving.release.set()
        await scripted.next("task:completed")
        await until(lambda: serving.node.get_status()["undelivered_results"] == 0, "delivered")
        scripted.assign("a")
        scripted.assign("b")
        await scripted.next("task:completed", task_id="b")
        assert serving.starts == [("a", 1), ("b", 1)] and scripted.seen("task:accepted", task_id="a") == []


async def test_a_later_attempt_takes_the_place_of_an_earlier_one(scripted):
    async with Serving(scripted) as serving:
        scripted.assign("a", attempt=1)
        await scripted.next("task:accepted", attempt=1)
        scripted.assign("a", attempt=2)
        await scripted.next("task:accepted", attempt=2)
        assert (await scripted.next("task:failed", attempt=1))["error"] == "Task cancelled"
        scripted.assign("a", attempt=1)
        serving.release.set()
        assert (await scripted.next("task:completed"))["attempt"] == 2
        assert serving.starts == [("a", 1), ("a", 2)]


async def test_what_does_not_fit_is_refused(scripted):
    async with Serving(scripted, capacity=1):
        scripted.assign("a")
        await scripted.next("task:accepted", task_id="a")
        scripted.assign("b")
        assert (await scripted.next("task:failed", task_id="b"))["error"] == "Service at capacity"
        assert scripted.seen("task:accepted", task_id="b") == []


async def test_an_unknown_type_is_refused_by_its_name(scripted):
    async with Serving(scripted):
        scripted.assign("a", task_type="external_api", external_task_type="api_integration")
        # The handler of the first capability that has one takes it: that is how handlers are chosen.
        await scripted.next("task:accepted", task_id="a")
    node = ExternalServiceNode("other", cluster_url=scripted.url, capabilities=[ExternalServiceCapability.ML_TRAINING])
    node.register_task_handler("ml_inference", lambda task: 1)
    await node.open()
    await node.registered(PATIENCE)
    scripted.assign("b", task_type="external_ml", external_task_type="ml_training")
    assert (await scripted.next("task:failed", task_id="b"))["error"] == (
        "No handler registered for task type: ml_training"
    )
    await node.stop()


async def test_a_cancel_is_confirmed(scripted):
    async with Serving(scripted):
        scripted.assign("a")
        await scripted.next("task:accepted")
        scripted.do("emit", event="task:cancel", data={"task_id": "a"})
        confirmed = await scripted.next("task:failed")
        assert confirmed["error"] == "Task cancelled" and confirmed["attempt"] == 1


async def test_an_answer_that_is_lost_makes_it_send_again(scripted):
    scripted.do("answer", event="task:completed", **{"with": [None]})
    async with Serving(scripted) as serving:
        serving.release.set()
        scripted.assign("a")
        first = await scripted.next("task:completed")
        # The connection breaks before the answer: held, registered as active, and sent once more.
        scripted.do("cut")
        await scripted.next("node:register")
        again = await scripted.next("node:register")
        assert again["active"] == [{"task_id": "a", "workflow_id": "w", "attempt": 1}]
        assert await scripted.next("task:completed") == first
        await until(lambda: serving.node.get_status()["undelivered_results"] == 0, "delivered")


async def test_later_means_later_and_never_means_never(scripted):
    later = {"ok": False, "code": "GZ1030", "message": "overloaded", "retryable": True, "retry_after_ms": 100}
    never = {"ok": False, "code": "GZ2007", "message": "already completed", "retryable": False}
    scripted.do("answer", event="task:completed", **{"with": [later, never]})
    async with Serving(scripted) as serving:
        serving.release.set()
        scripted.assign("a")
        assert await scripted.next("task:completed") == await scripted.next("task:completed")
        await until(lambda: serving.node.get_status()["undelivered_results"] == 0, "it gave up")
        assert scripted.seen("task:failed") == []


async def test_a_result_that_the_server_cannot_take_becomes_a_failure(scripted):
    refusal = {"ok": False, "code": "GZ7002", "message": "9 MiB are too many", "retryable": False}
    scripted.do("answer", event="task:completed", **{"with": [refusal]})
    async with Serving(scripted) as serving:
        serving.release.set()
        scripted.assign("a")
        failed = await scripted.next("task:failed")
        assert failed["code"] == "GZ7002" and failed["retryable"] is False and "9 MiB" in failed["error"]


async def test_what_the_server_gave_up_is_ended_in_silence(scripted):
    async with Serving(scripted) as serving:
        scripted.assign("kept")
        scripted.assign("lost")
        await scripted.next("task:accepted", task_id="lost")
        answer = {"ok": True, "session": "s", "lease_ms": 60000, "heartbeat_ms": 30000, "held": ["kept"]}
        scripted.do("answer", event="node:register", **{"with": [answer]})
        scripted.do("cut")
        await scripted.next("node:register")
        again = await scripted.next("node:register")
        assert {each["task_id"] for each in again["active"]} == {"kept", "lost"}
        await scripted.next("task:accepted", task_id="kept")
        await scripted.next("task:accepted", task_id="kept")
        serving.release.set()
        await scripted.next("task:completed", task_id="kept")
        await until(lambda: serving.node.get_status()["active_tasks"] == 0, "both have ended")
        assert scripted.seen("task:failed") == [] and scripted.seen("task:completed", task_id="lost") == []


async def test_heartbeats_say_what_is_held(scripted):
    async with Serving(scripted, heartbeat_interval=0.2):
        scripted.assign("a")
        await scripted.next("task:accepted")
        beat = await scripted.next("node:heartbeat", active_tasks=1)
        assert beat["active"] == [{"task_id": "a", "workflow_id": "w", "attempt": 1}]
        assert (beat["status"], beat["max_tasks"], beat["service_name"]) == ("ready", 2, "svc")
        assert 0 <= beat["cpu_usage"] <= 100 and 0 < beat["memory_usage"] <= 100 and 0 < beat["disk_usage"] <= 100


async def test_a_refused_heartbeat_makes_it_register_again(scripted):
    unknown = {"ok": False, "code": "GZ7020", "message": "not registered", "retryable": False}
    scripted.do("answer", event="node:heartbeat", **{"with": [unknown]})
    async with Serving(scripted, heartbeat_interval=0.2) as serving:
        await until(lambda: serving.node.get_status()["registrations"] >= 2, "it registered again")


async def test_a_restart_is_waited_for_and_an_end_is_obeyed(scripted):
    async with Serving(scripted) as serving:
        scripted.do("emit", event="cluster:shutdown", data={"reason": "update", "restart": True})
        scripted.assign("a")
        await scripted.next("task:accepted")
        scripted.do("cut")
        await until(lambda: serving.node.get_status()["registrations"] >= 2, "it came back")
        scripted.do("emit", event="cluster:shutdown", data={"reason": "the end", "restart": False})
        assert (await scripted.next("task:failed"))["error"] == "Task cancelled"
        await until(lambda: not serving.node.running, "it has stopped")
