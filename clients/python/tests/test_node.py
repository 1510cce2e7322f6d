"""A service on the real server: handlers, their context, failures and cancellation."""

import asyncio
import threading
import time
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy
import pytest

from gleitzeit_cluster import ExternalServiceNode, Fatal, Retryable

from conftest import work
from support.patience import PATIENCE, until
from support.peer import Peer


async def test_async_and_blocking_handlers_do_their_work(house):
    main = threading.get_ident()

    async def double(task):
        assert threading.get_ident() == main
        return task["external_parameters"]["n"] * 2

    def halve(task):
        assert threading.get_ident() != main, "a blocking handler must not hold the event loop up"
        return task["external_parameters"]["n"] / 2

    node = house.node("both", double)
    node.register_task_handler("halve", halve)
    node._extra_types = ["halve"]
    await node.open()
    tasks = [
        work("double", parameters={"n": 21}),
        {
            "name": "halve",
            "task_type": "external_custom",
            "parameters": {"external_task_type": "halve", "external_parameters": {"n": "{{double.result}}"}},
        },
    ]
    assert await house.api.completed(await house.api.submit(tasks)) == {"double": 42, "halve": 21}
    status = node.get_status()
    assert (status["tasks_completed"], status["tasks_failed"], status["registered"]) == (2, 0, True)


async def test_the_context_knows_its_task(house):
    seen = {}

    async def handler(task, ctx):
        seen.update(
            attempt=ctx.attempt,
            key=ctx.idempotency_key,
            name=ctx.task_name,
            parameters=ctx.parameters,
            left=ctx.remaining(),
            deadline=ctx.deadline,
            cancelled=ctx.cancelled,
        )
        if ctx.attempt == 1:
            raise RuntimeError("once more")
        return ctx.idempotency_key

    await house.serve(handler)
    workflow = await house.api.submit([work("work", attempts=2, timeout_seconds=77, parameters={"a": 1})])
    results = await house.api.completed(workflow)
    task_id = (await house.api.tasks(workflow))["work"]["id"]
    assert seen["attempt"] == 2 and seen["name"] == "work" and seen["parameters"] == {"a": 1}
    assert results["work"] == seen["key"] == f"{workflow}/{task_id}", "the same for every attempt"
    assert 60 < seen["left"] <= 77 and seen["deadline"] > time.time() and seen["cancelled"] is False


async def test_a_second_argument_with_a_default_of_its_own_is_left_alone(house):
    async def handler(task, retries=3):
        return retries

    await house.serve(handler)
    assert await house.api.completed(await house.api.submit([work()])) == {"work": 3}


async def test_progress_log_and_stream_reach_watchers(house):
    watcher = Peer(house.url)
    await watcher.connect()
    await watcher.call("watch", {})
    go_on = asyncio.Event()

    async def handler(task, ctx):
        ctx.progress(30, "a third", {"rows": 3})
        ctx.log("a line")
        ctx.stream({"token": "canary"})
        await node.report_task_progress(task["task_id"], task["workflow_id"], 60, "the earlier way")
        await go_on.wait()

    node = await house.serve(handler)
    workflow = await house.api.submit([work()])
    words = ["a third", "a line", "canary", "the earlier way"]
    await until(
        lambda: all(any(word in str(each) for each in watcher.inbox) for word in words), 20, "all of it is told"
    )
    go_on.set()
    await house.api.completed(workflow)
    await watcher.close()


async def test_retryable_says_when_and_fatal_says_never(house):
    tries = []

    async def handler(task, ctx):
        tries.append((ctx.task_name, time.monotonic()))
        if ctx.task_name == "hopeless":
            raise Fatal("there is no such model", code="MODEL_MISSING", details={"model": "m"})
        if ctx.attempt == 1:
            raise Retryable("too many requests", after=1.2)
        return "second time"

    await house.serve(handler)
    workflow = await house.api.submit([work("later", attempts=2), work("hopeless", attempts=5)])
    results = await house.api.ended(workflow)
    assert results["results"] == {"later": "second time"}
    assert "there is no such model" in results["errors"]["hopeless"]["message"]
    times = [at for name, at in tries if name == "later"]
    assert len(times) == 2 and times[1] - times[0] >= 1.1
    assert len([name for name, _ in tries if name == "hopeless"]) == 1


async def test_an_exception_is_the_tasks_error(house):
    async def handler(task):
        return {}["missing"]

    await house.serve(handler)
    results = await house.api.ended(await house.api.submit([work()]))
    assert "KeyError: 'missing'" in results["errors"]["work"]["message"]


@dataclass
class Point:
    x: int
    y: float


async def test_common_values_become_json(house):
    values = {
        "numpy": numpy.arange(3),
        "scalar": numpy.float64(0.5),
        "point": Point(1, 2.5),
        "day": date(2026, 1, 2),
        "set": {2, 1},
        "tuple": (1, None),
        "text": "grün \U0001f680 \ud800",
        "price": Decimal("19.90"),
        "account": Decimal("9007199254740993"),
        "by number": {1: "a", 2: "b", None: "d", "x": {"1": 1}},
    }

    async def handler(task):
        return values

    await house.serve(handler)
    results = await house.api.completed(await house.api.submit([work(parameters={})]))
    got = results["work"]
    assert got["numpy"] == [0, 1, 2] and got["scalar"] == 0.5 and got["point"] == {"x": 1, "y": 2.5}
    assert got["day"] == "2026-01-02" and got["set"] == [1, 2] and got["tuple"] == [1, None]
    assert got["text"].startswith("grün \U0001f680")
    assert got["price"] == 19.9 and got["account"] == 9007199254740993
    assert got["by number"] == {"1": "a", "2": "b", "null": "d", "x": {"1": 1}}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (object(), "has no form in JSON"),
        (float("nan"), "JSON"),
        ("x" * (13 << 20), "larger than a message may be"),
        ({"sum": Decimal("0.12345678901234567891")}, "'0.12345678901234567891') has more digits than a float keeps"),
        ({"far": Decimal("1e999")}, "JSON"),
        ({"by": [{"n": {1: "a", "1": "b"}}]}, 'two keys of a dictionary are "1" in JSON'),
        ({None: "a", "null": "b"}, 'two keys of a dictionary are "null" in JSON'),
    ],
    ids=["object", "nan", "huge", "digits", "overflow", "keys", "null"],
)
async def test_a_result_that_cannot_be_sent_fails_its_task_and_says_why(house, value, words):
    async def handler(task):
        return value

    await house.serve(handler)
    results = await house.api.ended(await house.api.submit([work(attempts=3)]))
    assert words in results["errors"]["work"]["message"]


async def test_a_result_above_the_servers_limit_ends_the_task(house):
    async def handler(task):
        return "x" * (9 << 20)

    node = await house.serve(handler)
    results = await house.api.ended(await house.api.submit([work(attempts=3)]), 60)
    assert results["errors"]["work"]["code"] == "GZ7002"
    await until(lambda: node.get_status()["undelivered_results"] == 0, "nothing is sent for ever")


async def test_a_megabyte_goes_both_ways(house):
    async def handler(task):
        return task["external_parameters"]

    await house.serve(handler)
    parameters = {"text": "x" * (1 << 20), "list": list(range(10_000))}
    assert await house.api.completed(await house.api.submit([work(parameters=parameters)])) == {"work": parameters}


async def test_a_cancel_ends_an_async_handler_and_frees_its_slot(house):
    ended = asyncio.Event()

    async def handler(task):
        if task["task_name"] == "endless":
            try:
                await asyncio.sleep(3600)
            finally:
                ended.set()
        return "done"

    node = await house.serve(handler, max_concurrent_tasks=1)
    endless = await house.api.submit([work("endless")])
    await until(lambda: node.get_status()["active_tasks"] == 1, "it runs")
    await until(lambda: running(house, endless, "endless"), "the server knows")
    second = await house.api.submit([work("second")])
    await house.api.post(f"/workflows/{endless}/cancel")
    await asyncio.wait_for(ended.wait(), PATIENCE)
    assert await house.api.completed(second) == {"second": "done"}, "the one slot is free again"
    assert node.get_status()["tasks_cancelled"] == 1


async def running(house, workflow: str, name: str) -> bool:
    return await house.api.task_status(workflow, name) == "processing"


@pytest.mark.parametrize("how", ["asks", "checks"])
async def test_a_blocking_handler_sees_that_it_is_cancelled(house, how):
    begun = threading.Event()

    def handler(task, ctx):
        begun.set()
        for _ in range(2000):
            if how == "checks":
                ctx.check()
            elif ctx.cancelled:
                return "nobody wants this"
            time.sleep(0.02)

    node = await house.serve(handler)
    workflow = await house.api.submit([work()])
    await until(begun.is_set, "it runs")
    await until(lambda: running(house, workflow, "work"), "the server knows")
    await house.api.post(f"/workflows/{workflow}/cancel")
    await until(lambda: node.get_status()["tasks_cancelled"] == 1, "it ended")
    service = await house.api.get(f"/services/{node.service_id}")
    assert await slots_free(house, node), service
    assert (await house.api.ended(workflow))["results"] == {}


async def slots_free(house, node) -> bool:
    async def free() -> bool:
        return (await house.api.get(f"/services/{node.service_id}"))["active_tasks"] == 0

    await until(free, "the server has its confirmation")
    return True


async def test_sys_exit_in_a_handler_fails_its_task_and_not_the_service(house):
    def handler(task):
        if task["task_name"] == "quits":
            raise SystemExit(3)
        return "still here"

    await house.serve(handler)
    workflow = await house.api.submit([work("quits"), work("other")])
    results = await house.api.ended(workflow)
    assert results["results"] == {"other": "still here"} and "SystemExit(3)" in results["errors"]["quits"]["message"]


async def test_more_tasks_than_slots_all_get_done(house):
    at_once, most = 0, 0

    async def handler(task):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        return task["task_name"]

    await house.serve(handler, max_concurrent_tasks=3)
    results = await house.api.completed(await house.api.submit([work(f"t{n}") for n in range(60)]), 60)
    assert results == {f"t{n}": f"t{n}" for n in range(60)} and most == 3


def test_mistakes_are_told_at_once():
    with pytest.raises(ValueError, match="service_name"):
        ExternalServiceNode("")
    with pytest.raises(ValueError, match="max_concurrent_tasks"):
        ExternalServiceNode("x", max_concurrent_tasks=0)
    with pytest.raises(TypeError, match="cannot be called"):
        ExternalServiceNode("x").register_task_handler("ml_training", "no function")
    with pytest.raises(RuntimeError, match="no handler"):
        asyncio.run(ExternalServiceNode("x").start())
