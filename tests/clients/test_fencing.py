"""Acknowledgements, stale and foreign reports, and reconciliation: extensions 1 to 3."""

import asyncio
import uuid

import pytest

from support.patience import until
from support.scripted import held, naive_now, task


async def test_every_report_is_acknowledged_with_its_seq(house):
    worker = await house.unregistered("acked")
    registered = await worker.register()
    assert registered["node_id"] == worker.node_id and registered["session"]
    assert registered["lease_ms"] > 0 and registered["heartbeat_ms"] > 0 and registered["held"] == []
    workflow = await house.api.submit([task("work")])
    assignment = await worker.assigned()
    accepted = await worker.accept(assignment)
    assert accepted["ok"] is True and accepted["seq"] > 0
    assert (await worker.progress(assignment, 30, "so far"))["ok"] is True
    completed = await worker.complete(assignment, {"n": 1})
    assert completed["ok"] is True and completed["seq"] > accepted["seq"]
    # What was acknowledged is visible at once.
    assert await house.api.status(workflow) == "completed"


async def test_a_registration_names_what_is_held(house):
    node_id = f"returning-{uuid.uuid4().hex[:6]}"
    network = await house.network()
    worker = await house.worker("returning", url=network.url, node_id=node_id)
    await house.api.submit([task("work")])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    network.cut()
    again = await house.unregistered("returning", node_id=node_id)
    answer = await again.register(active=held(assignment))
    assert answer["held"] == [assignment["task_id"]]
    assert (await again.complete(assignment, 1))["ok"] is True


async def two_attempts(house, **options):
    """A task whose first worker left cleanly, so that a second one holds it."""
    first = await house.worker("first", **options)
    workflow = await house.api.submit([task("work")])
    old = await first.assigned()
    await first.accept(old)
    second = await house.worker("second")
    await first.close()
    new = await second.assigned()
    back = await house.worker("first", node_id=first.node_id, **options)
    return workflow, back, old, second, new


def stale(answer: dict) -> None:
    assert answer["ok"] is False and answer["retryable"] is False, answer
    assert answer["code"].startswith("GZ") and answer["message"]


async def test_a_stale_attempt_is_refused(house):
    workflow, back, old, second, new = await two_attempts(house)
    stale(await back.complete(old, "stale"))
    await second.accept(new)
    stale(await back.complete(old, "stale"))
    stale(await back.fail(old, "stale"))
    stale(await back.accept(old))
    assert (await second.complete(new, "current"))["ok"] is True
    stale(await back.complete(old, "stale"))
    assert await house.api.completed(workflow) == {"work": "current"}


async def test_a_report_without_an_attempt_counts_only_for_the_socket_that_holds_it(house):
    workflow, back, old, second, new = await two_attempts(house, fences=False)
    stale(await back.complete(old, "not mine any more"))
    # The payload may name any node; the socket decides.
    forged = {"task_id": new["task_id"], "workflow_id": workflow, "node_id": second.node_id, "result": "forged"}
    stale(await back.call("task:completed", forged))
    await second.accept(new)
    await second.complete(new, "mine")
    assert await house.api.completed(workflow) == {"work": "mine"}


async def test_a_liar_is_told_so(house):
    """R8: the wrong task, the wrong attempt, an unknown id."""
    liar, honest = await house.worker("liar", capabilities=["api_integration"]), await house.worker("honest")
    workflow = await house.api.submit([task("work")])
    assignment = await honest.assigned()
    stale(await liar.complete(assignment, "never had it"))
    await honest.accept(assignment)
    stale(await honest.complete({**assignment, "attempt": assignment["attempt"] + 1}, "future"))
    stale(await honest.complete({**assignment, "attempt": 0}, "past"))
    stale(await honest.complete({**assignment, "task_id": str(uuid.uuid4())}, "unknown"))
    stale(await honest.complete({**assignment, "task_id": "no such thing"}, "unknown"))
    for rubbish in (None, [], {"task_id": 5}, {"result": 1}):
        answer = await honest.call("task:completed", rubbish)
        assert answer["ok"] is False and answer["code"].startswith("GZ"), (rubbish, answer)
    assert (await honest.complete(assignment, "true"))["ok"] is True
    assert await house.api.completed(workflow) == {"work": "true"}


async def test_a_second_completion_changes_nothing(house):
    worker = await house.worker("twice")
    workflow = await house.api.submit([task("work")])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    await worker.complete(assignment, "first")
    await worker.complete(assignment, "second")
    await worker.fail(assignment, "and failed")
    results = await house.api.ended(workflow)
    assert (results["status"], results["results"], results["errors"]) == ("completed", {"work": "first"}, {})


async def test_an_attempt_that_active_does_not_name_is_requeued_at_once(house):
    """Offered or accepted: what the worker does not name it does not have."""
    node_id = f"forgetful-{uuid.uuid4().hex[:6]}"
    network = await house.network()
    worker = await house.worker("forgetful", url=network.url, node_id=node_id)
    workflow = await house.api.submit([task("kept"), task("accepted"), task("offered")])
    got = {each["task_name"]: each for each in [await worker.assigned() for _ in range(3)]}
    await worker.accept(got["kept"])
    await worker.accept(got["accepted"])
    network.cut()
    again = await house.unregistered("forgetful", node_id=node_id)
    answer = await again.register(active=held(got["kept"]))
    assert answer["held"] == [got["kept"]["task_id"]]
    for _ in range(2):
        new = await again.assigned()
        assert new["attempt"] > got[new["task_name"]]["attempt"] and new["task_name"] != "kept"
        stale(await again.complete(got[new["task_name"]], "the old attempt"))
        await again.accept(new)
        await again.complete(new, f"{new['task_name']} again")
    assert (await again.complete(got["kept"], "kept"))["ok"] is True
    assert await house.api.completed(workflow) == {
        "kept": "kept", "accepted": "accepted again", "offered": "offered again",
    }
    # By the registration, and not because some time was over.
    lost = [event["reason"] for event in await house.api.events(workflow) if event["type"] == "attempt_lost"]
    assert lost == ["forgotten", "forgotten"]


async def test_a_heartbeat_may_reconcile_too(house):
    worker = await house.worker("exact")
    workflow = await house.api.submit([task("a"), task("b")])
    got = [await worker.assigned(), await worker.assigned()]
    for each in got:
        await worker.accept(each)
    # A list may have been made before an assignment arrived: it is believed about what was accepted before the
    # heartbeat before it.
    assert (await worker.heartbeat(active=held(*got)))["ok"] is True
    assert (await worker.heartbeat(active=held(got[0])))["ok"] is True
    new = await worker.assigned()
    assert new["task_id"] == got[1]["task_id"] and new["attempt"] > got[1]["attempt"]
    assert (await worker.complete(got[0], 0))["ok"] is True
    await worker.accept(new)
    assert (await worker.complete(new, 1))["ok"] is True
    await house.api.completed(workflow)


async def test_a_grant_newer_than_the_message_is_not_missing(house):
    """Heartbeats that name nothing cross with assignments all the time; no attempt may be lost by it."""
    worker = await house.worker("crossing", capacity=200)
    workflow = await house.api.submit([task(f"t{i}", attempts=1) for i in range(100)])
    mine: list[dict] = []
    seen: set[tuple] = set()

    async def beats():
        for _ in range(200):
            await worker.emit("node:heartbeat", {
                "node_id": worker.node_id, "status": "ready", "node_type": "external_service",
                "active": held(*mine), "timestamp": naive_now(),
            })
            await asyncio.sleep(0.005)

    beating = asyncio.create_task(beats())
    done = 0
    while done < 100:
        assignment = await worker.assigned()
        key = (assignment["task_id"], assignment["attempt"])
        assert key not in seen, "the same attempt twice"
        seen.add(key)
        mine.append(assignment)
        await worker.accept(assignment)
        answer = await worker.complete(assignment, 1)
        mine.remove(assignment)
        if answer["ok"]:
            done += 1
    beating.cancel()
    results = await house.api.ended(workflow)
    assert results["status"] == "completed" and len(results["results"]) == 100


async def test_the_same_task_does_not_go_back_to_a_worker_that_knows_no_attempts(house):
    """It would start a second handler there: other workers first, and `why` says what it waits for."""
    worker = await house.worker("unfenced", fences=False)
    workflow = await house.api.submit([task("work", attempts=3, timeout_seconds=5)])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    # The run timeout ends the attempt; its handler may still run, so the next one goes elsewhere.
    await worker.next("task:cancel")
    await worker.never("task:assign", seconds=2)
    assert "unfenced" in await house.api.why(workflow, "work")
    other = await house.worker("other")
    await other.run("elsewhere")
    assert await house.api.completed(workflow) == {"work": "elsewhere"}


async def test_a_confirmed_cancel_lets_the_same_task_come_back(house):
    worker = await house.worker("unfenced", fences=False)
    workflow = await house.api.submit([task("work", attempts=3, timeout_seconds=5)])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    await worker.next("task:cancel")
    await worker.fail(assignment, "Task cancelled")
    await worker.run("second time")
    assert await house.api.completed(workflow) == {"work": "second time"}


@pytest.mark.parametrize("status", ["draining", "offline", "unhealthy"])
async def test_a_draining_worker_finishes_and_gets_nothing_new(house, status):
    worker = await house.worker("draining")
    workflow = await house.api.submit([task("running"), task("after", "running")])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    assert (await worker.call("node:status", {"node_id": worker.node_id, "status": status}))["ok"] is True
    assert (await worker.complete(assignment, 1))["ok"] is True
    await worker.never("task:assign")
    assert "draining" in await house.api.why(workflow, "after")
    await worker.call("node:status", {"node_id": worker.node_id, "status": "healthy"})
    await worker.run(2)
    await house.api.completed(workflow)


async def test_progress_with_data_reaches_watchers_and_is_not_logged(house):
    worker, watcher = await house.worker("streaming"), await house.observer()
    workflow = await house.api.submit([task("work")])
    await watcher.call("watch", {"workflow_id": workflow})
    assignment = await worker.assigned()
    await worker.accept(assignment)
    await worker.progress(assignment, 10, "token", data={"token": "canary-7f3a"})
    await until(lambda: any("canary-7f3a" in str(payload) for _, payload in watcher.inbox), "the token arrives")
    await worker.complete(assignment, 1)
    assert "canary-7f3a" not in str(await house.api.events(workflow))
