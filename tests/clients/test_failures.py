"""Failures, refusals, lost attempts, cancels and timeouts."""

import asyncio
import time

from support.earlier import echo
from support.patience import until
from support.scripted import task


async def test_a_refusal_at_capacity_consumes_no_retry(house):
    """A node that says 10 and takes 1: everything is done, and nothing is tried twice for it."""
    running = 0

    async def work(assignment, progress):
        nonlocal running
        running += 1
        await asyncio.sleep(0.02)
        running -= 1
        return assignment["task_id"]

    service = await house.service("boastful", {"custom_processing": work}, capacity=2)
    # The model refuses above 2; the server believes 2, so the boast is made afterwards.
    service.capacity = 1
    workflow = await house.api.submit([task(f"t{i}", attempts=1) for i in range(12)])
    results = await house.api.ended(workflow)
    assert results["status"] == "completed" and len(results["results"]) == 12, results["errors"]
    assert service.duplicates == []


async def test_a_refused_task_goes_elsewhere(house):
    full = await house.worker("full", capacity=5)
    workflow = await house.api.submit([task("work", attempts=1)])
    assignment = await full.assigned()
    answer = await full.fail(assignment, "Service at capacity")
    assert answer["ok"] is True
    free = await house.worker("free")
    await free.run("elsewhere")
    assert await house.api.completed(workflow) == {"work": "elsewhere"}


async def test_a_refusing_worker_gets_it_again_when_it_says_it_has_room(house):
    worker = await house.worker("busy")
    workflow = await house.api.submit([task("work", attempts=1)])
    await worker.fail(await worker.assigned(), "Node at capacity")
    await worker.heartbeat(active_tasks=0, max_tasks=10)
    await worker.run("now")
    assert await house.api.completed(workflow) == {"work": "now"}


async def test_no_handler_sends_the_task_elsewhere_and_never_back(house):
    release = asyncio.Event()

    async def first_waits(assignment, progress):
        await release.wait()
        return "able"

    able = await house.service("able", {"custom_processing": first_waits}, capacity=1)
    blocked = await house.api.submit([task("blocks")])
    await until(lambda: able.active, "the able one is full")
    # It takes the second task, because the able one is full, and has no handler for it.
    unable = await house.service("unable", {})
    workflow = await house.api.submit([task("work", attempts=1)])
    await until(lambda: unable.assignments, "the unable one was asked")
    await asyncio.sleep(0.5)
    release.set()
    assert await house.api.completed(workflow) == {"work": "able"}
    assert await house.api.completed(blocked) == {"blocks": "able"}
    assert len(unable.assignments) == 1, "the same task must not go back"


async def test_no_handler_of_an_earlier_service_fails_the_task_when_nobody_else_is_there(house):
    service = await house.service("mute", {})
    results = await house.api.ended(await house.api.submit([task("work", attempts=3)]))
    assert results["status"] == "failed" and len(service.assignments) == 1


async def test_a_cancel_nobody_asked_for_is_a_lost_attempt(house):
    worker = await house.worker("restarting", fences=False)
    workflow = await house.api.submit([task("work", attempts=1)])
    first = await worker.assigned()
    await worker.accept(first)
    answer = await worker.fail(first, "Task cancelled")
    assert answer["ok"] is True
    second = await worker.assigned()
    assert second["task_id"] == first["task_id"] and second["attempt"] > first["attempt"]
    await worker.accept(second)
    await worker.complete(second, "after all")
    assert await house.api.completed(workflow) == {"work": "after all"}


async def test_five_lost_attempts_in_a_row_end_the_task(house):
    worker = await house.worker("deadly", fences=False)
    workflow = await house.api.submit([task("poison", attempts=10)])
    for _ in range(5):
        assignment = await worker.assigned()
        await worker.accept(assignment)
        await worker.fail(assignment, "Task cancelled")
    results = await house.api.ended(workflow)
    assert results["errors"]["poison"]["code"] == "GZ2004"
    await worker.never("task:assign")


async def test_a_failure_that_is_not_retryable_is_final(house):
    worker = await house.worker("certain")
    workflow = await house.api.submit([task("work", attempts=5)])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    report = {"retryable": False, "code": "MODEL_MISSING", "details": {"model": "m1"}}
    assert (await worker.fail(assignment, "there is no model m1", **report))["ok"] is True
    results = await house.api.ended(workflow)
    assert results["status"] == "failed"
    assert "there is no model m1" in results["errors"]["work"]["message"]
    assert worker.seen("task:assign") == []


async def test_a_service_says_when_to_try_again(house):
    worker = await house.worker("limited")
    workflow = await house.api.submit([task("work", attempts=2)])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    begin = time.monotonic()
    await worker.fail(assignment, "too many requests", retry_after_ms=1500)
    await worker.run("at last")
    assert time.monotonic() - begin >= 1.4
    assert await house.api.completed(workflow) == {"work": "at last"}
    failed, again = [
        event for event in await house.api.events(workflow) if event["type"] in ("task_failed", "task_requeued")
    ]
    assert failed["final"] is False and failed["retry_at"] <= again["at"], "it waited for its retry"


async def test_a_cancel_does_not_wait_for_the_service(house):
    worker = await house.worker("deaf")
    workflow = await house.api.submit([task("work"), task("after", "work")])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    await house.api.post(f"/workflows/{workflow}/cancel")
    assert await house.api.status(workflow) == "cancelled"
    assert (await worker.next("task:cancel"))["task_id"] == assignment["task_id"]
    late = await worker.complete(assignment, "too late")
    assert late["ok"] is False and late["retryable"] is False and late["code"].startswith("GZ")
    results = await house.api.ended(workflow)
    assert results["results"] == {}


async def test_a_confirmed_cancel_frees_the_slot(house):
    worker = await house.worker("tidy", capacity=1)
    first = await house.api.submit([task("one")])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    second = await house.api.submit([task("two")])
    await house.api.post(f"/workflows/{first}/cancel")
    await worker.next("task:cancel")
    await worker.never("task:assign")
    await worker.fail(assignment, "Task cancelled")
    await worker.run(2)
    assert await house.api.completed(second) == {"two": 2}


async def test_one_task_is_cancelled_by_rest(house):
    worker = await house.worker("worker")
    workflow = await house.api.submit([task("stop"), task("go on")])
    both = [await worker.assigned(), await worker.assigned()]
    for assignment in both:
        await worker.accept(assignment)
    tasks = await house.api.tasks(workflow)
    await house.api.post(f"/tasks/{tasks['stop']['id']}/cancel")
    cancelled = await worker.next("task:cancel")
    for assignment in both:
        if assignment["task_name"] == "stop":
            assert assignment["task_id"] == cancelled["task_id"]
        else:
            await worker.complete(assignment, "went on")
    results = await house.api.ended(workflow)
    assert results["results"] == {"go on": "went on"}


async def test_a_run_timeout_is_told_by_its_own_code(house):
    worker = await house.worker("slow")
    workflow = await house.api.submit([task("work", attempts=1, timeout_seconds=1)])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    results = await house.api.ended(workflow)
    assert results["errors"]["work"]["code"] == "GZ2002"
    assert (await worker.next("task:cancel"))["task_id"] == assignment["task_id"]
    assert (await worker.complete(assignment, "too late"))["ok"] is False


async def test_a_failed_workflow_runs_again_by_hand(house):
    worker = await house.worker("second chance")
    workflow = await house.api.submit([task("work"), task("after", "work")])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    await worker.fail(assignment, "not today")
    assert (await house.api.ended(workflow))["status"] == "failed"
    await house.api.post(f"/workflows/{workflow}/retry")
    await worker.run("one")
    await worker.run("two")
    assert await house.api.completed(workflow) == {"work": "one", "after": "two"}


async def test_a_paused_workflow_assigns_nothing(house):
    await house.service("echo", {"custom_processing": echo})
    gate = await house.worker("gate", capabilities=["api_integration"])
    workflow = await house.api.submit([task("first", kind="api_integration"), task("second", "first")])
    assignment = await gate.assigned()
    await gate.accept(assignment)
    await house.api.post(f"/workflows/{workflow}/pause")
    await gate.complete(assignment, 1)
    await asyncio.sleep(0.5)
    assert (await house.api.status(workflow), await house.api.task_status(workflow, "second")) == ("paused", "queued")
    await house.api.post(f"/workflows/{workflow}/resume")
    assert (await house.api.completed(workflow))["first"] == 1
