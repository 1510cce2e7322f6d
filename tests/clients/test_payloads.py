"""Sizes: what fits goes both ways, what does not is told, and nothing of it ends the server."""

import json
import math

import pytest
from conftest import open_house

from support.patience import until
from support.peer import POLLING, WEBSOCKET
from support.scripted import task
from support.server import Server

MEGABYTE = 1 << 20


@pytest.mark.parametrize("transports", [WEBSOCKET, POLLING], ids=["websocket", "polling"])
async def test_a_result_above_its_limit_is_refused_clearly(house, transports):
    """Above 8 MiB, within the limit of a message: the answer says what, and the worker can go on."""
    worker = await house.worker("large", transports=transports)
    workflow = await house.api.submit([task("work", attempts=1)])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    answer = await worker.complete(assignment, "x" * (9 * MEGABYTE))
    assert answer["ok"] is False and answer["code"] == "GZ7002" and answer["retryable"] is False, answer
    assert "8" in answer["message"]
    # Whether the refusal ended the attempt or left it to the worker, the workflow ends.
    if await house.api.status(workflow) == "running":
        await worker.fail(assignment, "my result is too large", retryable=False)
    results = await house.api.ended(workflow)
    assert results["status"] == "failed"
    assert (await worker.heartbeat())["ok"] is True


@pytest.mark.parametrize("transports", [WEBSOCKET, POLLING], ids=["websocket", "polling"])
async def test_a_message_above_the_limit_does_not_hang(house, transports):
    """R8: 64 MiB. The connection may end, never in silence; the server goes on and the task is not lost."""
    worker = await house.worker("huge", transports=transports)
    workflow = await house.api.submit([task("work", attempts=1)])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    try:
        answer = await worker.complete(assignment, "x" * (64 * MEGABYTE))
        assert answer["ok"] is False and answer["code"] == "GZ7002", answer
    except Exception as error:
        print(f"the client was told: {error!r}")
        await until(lambda: not worker.sio.connected, "the client notices")
    again = await house.worker("huge", node_id=worker.node_id, register={"active": []})
    if await house.api.status(workflow) == "running":
        await again.run("small")
        assert await house.api.completed(workflow) == {"work": "small"}
    assert (await house.api.get("/stats"))["rss_bytes"] < 1 << 30


async def test_a_large_result_feeds_the_next_task(house):
    worker = await house.worker("large")
    workflow = await house.api.submit([task("rows"), task("use", "rows", parameters={"rows": "{{rows.result}}"})])
    # The Python client takes messages of up to 4 MiB, and what is meant for a service travels in two places.
    rows = [{"n": n, "text": "x" * 100} for n in range(15_000)]
    await worker.run(rows)
    assignment = await worker.assigned()
    assert assignment["external_parameters"]["rows"] == rows
    await worker.accept(assignment)
    await worker.complete(assignment, len(rows))
    assert (await house.api.completed(workflow))["use"] == 15_000


@pytest.mark.parametrize("result", [
    None, True, False, 0, -1, 1.5, 1e300, 12345678901234567890, "", "text", "\u0000 \U0001f680 \"quoted\" {{not a template}}",
    [], {}, [None], {"a": None}, {"deep": [[[[[{"x": 1}]]]]]},
], ids=lambda value: json.dumps(value)[:20])
async def test_every_json_comes_back_as_it_went(house, result):
    worker = await house.worker("json")
    workflow = await house.api.submit([task("one"), task("two", "one", parameters={"got": "{{one.result}}"})])
    await worker.run(result)
    assignment = await worker.assigned()
    assert assignment["external_parameters"]["got"] == result
    await worker.accept(assignment)
    await worker.complete(assignment, result)
    assert await house.api.completed(workflow) == {"one": result, "two": result}


@pytest.fixture
async def hasty_house(tmp_path):
    """Whose connection has broken is not waited for."""
    async for house in open_house(Server(tmp_path, config="[limits]\ndisconnect_grace_seconds = 0.01\n")):
        yield house


async def test_who_sends_what_python_calls_json_is_told_apart_from_who_was_cut_off(hasty_house):
    """Python writes NaN, which no JSON has: the connection ends, and whoever asks after the service is told why."""
    house = hasty_house
    worker = await house.worker("numbers")
    workflow = await house.api.submit([task("work")])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    await worker.emit("task:completed", {"task_id": assignment["task_id"], "result": {"accuracy": math.nan}})
    await until(lambda: not worker.sio.connected, "the client notices")

    async def left() -> bool:
        return [one["left"] for one in (await house.api.get("/services"))["gone"]] == ["unreadable"]

    await until(left, "the service is gone")

    async def asked() -> bool:
        return "NaN" in (await house.api.get(f"/tasks/{workflow}.0/why"))["summary"]

    await until(asked, "why the task waits names the NaN")
    assert "no JSON, such as NaN" in house.server.log()
    other = await house.worker("others")
    await other.run({"accuracy": None})
    assert await house.api.completed(workflow) == {"work": {"accuracy": None}}
