"""Traces, as a collector takes them that reads with the schema of the protocol."""

from contextlib import asynccontextmanager

from aiohttp import web

from support.collector import Collector, attributes
from support.rest import until
from support.scripted import task

GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OK, ERROR = 1, 2
INTERNAL, CLIENT = 1, 3


@asynccontextmanager
async def traced(house, collector: Collector):
    """The house's server again, with a collector."""
    await house.server.stop()
    house.server.args += ["--otlp-endpoint", collector.url]
    house.collector = collector
    await house.server.start()
    try:
        yield house
    finally:
        await collector.stop()


def context(traceparent: str) -> tuple[str, str]:
    version, trace, span, flags = traceparent.split("-")
    assert (version, flags) == ("00", "01")
    return trace, span


def check_inside(child, parent) -> None:
    assert child.trace_id == parent.trace_id and child.parent_span_id == parent.span_id
    assert parent.start_time_unix_nano <= child.start_time_unix_nano
    assert child.start_time_unix_nano <= child.end_time_unix_nano <= parent.end_time_unix_nano


async def test_a_workflow_is_one_trace_below_the_span_of_its_submitter(house):
    async with traced(house, await Collector().start()) as house:
        collector_trace, submitter = context(GIVEN)
        worker = await house.worker("w")
        tasks = [task("first", attempts=2), task("second", "first")]
        body = {"name": "traced", "tasks": tasks}
        answer = await house.api.ask("POST", "/workflows", json=body, headers={"traceparent": GIVEN})
        collector = house.collector
        failing = await worker.assigned()
        await worker.accept(failing)
        await worker.fail(failing, "it broke", code="GZ2040", retryable=True)
        again, second = await worker.run(1), await worker.run(2)
        await house.api.ended(answer.body["id"])
        root = await collector.span("traced")
        assert root.trace_id.hex() == collector_trace and root.parent_span_id.hex() == submitter
        assert root.kind == INTERNAL and root.status.code == OK and attributes(root)["gleitzeit.workflow.tasks"] == 2
        one, two = collector.named("first")
        (three,) = collector.named("second")
        for span, assigned, number in ((one, failing, 1), (two, again, 2), (three, second, 1)):
            check_inside(span, root)
            assert context(assigned["traceparent"]) == (span.trace_id.hex(), span.span_id.hex())
            said = attributes(span)
            assert span.kind == CLIENT and said["gleitzeit.attempt"] == number
            assert said["gleitzeit.task.type"] == "external_custom" and said["gleitzeit.service"] == "w"
            assert [event.name for event in span.events] == ["offered", "accepted"]
        assert (one.status.code, one.status.message, attributes(one)["error.type"]) == (ERROR, "it broke", "GZ2040")
        assert two.status.code == three.status.code == OK
        assert len({span.span_id for span in collector.spans}) == 4 and collector.services == {"gleitzeit"}


async def test_a_header_that_is_no_context_is_left_out(house):
    worker = await house.worker("w")
    body = {"name": "untraced", "tasks": [task("only")]}
    for header, passed_on in ((GIVEN, GIVEN), ("garbage " + "x" * 3_000, None), (GIVEN[:-1], None)):
        answer = await house.api.ask("POST", "/workflows", json=body, headers={"traceparent": header})
        assert answer.status == 201
        assigned = await worker.run(1)
        assert assigned.get("traceparent") == passed_on


async def test_a_trace_goes_on_under_the_same_ids_after_a_kill(house):
    async with traced(house, await Collector().start()) as house:
        worker = await house.worker("w", node_id="n1")
        workflow = await house.api.submit([task("long"), task("after", "long")], name="killed")
        assigned = await worker.assigned()
        await worker.accept(assigned)
        await house.server.kill()
        await worker.close()
        await house.server.start()
        active = [{"task_id": assigned["task_id"], "attempt": assigned["attempt"]}]
        worker = await house.worker("w", node_id="n1", register={"active": active})
        assert (await worker.complete(assigned, 1))["ok"] is True
        after = await worker.run(2)
        await house.api.ended(workflow)
        root = await house.collector.span("killed")
        trace = workflow.replace("-", "")
        assert root.trace_id.hex() == trace and not root.parent_span_id
        for name, assignment in (("long", assigned), ("after", after)):
            (span,) = house.collector.named(name)
            check_inside(span, root)
            assert context(assignment["traceparent"]) == (trace, span.span_id.hex())
        long = house.collector.named("long")[0]
        assert long.start_time_unix_nano < root.end_time_unix_nano and attributes(long)["gleitzeit.attempt"] == 1


async def test_http_tasks_carry_the_trace_and_an_unsampled_one_sends_nothing(house):
    heard: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        heard.append(request.headers.get("traceparent"))
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    house.server.args += ["--http-allow", "127.0.0.1"]
    async with traced(house, await Collector().start()) as house:
        unsampled = GIVEN[:-2] + "00"
        tasks = [{"name": "asks", "url": url}]
        body = {"name": "unsampled", "tasks": tasks}
        answered = await house.api.ask("POST", "/workflows", json=body, headers={"traceparent": unsampled})
        await house.api.ended(answered.body["id"])
        own = [{"name": "own", "url": url, "headers": {"traceparent": GIVEN}}]
        await house.api.ended(await house.api.submit(own, name="with a header"))
        await house.api.ended(await house.api.submit(tasks, name="sampled"))
        root = await house.collector.span("sampled")
        (span,) = house.collector.named("asks")
        check_inside(span, root)
        assert heard[0].startswith(unsampled[:36]) and heard[0].endswith("-00") and heard[1] == GIVEN
        assert context(heard[2]) == (span.trace_id.hex(), span.span_id.hex())
        assert not house.collector.named("unsampled")
    await runner.cleanup()


async def test_a_collector_that_is_away_or_silent_holds_nobody_up(house):
    async def dropped() -> float:
        body = await house.api.session.get(f"{house.url}/metrics", headers={"Accept": "application/json"})
        samples = (await body.json())["metrics"]["gleitzeit_trace_spans_dropped"]["samples"]
        return sum(sample["value"] for sample in samples)

    async with traced(house, await Collector(stalls=True).start()) as house:
        lines = "\n".join(f'{{"name": "w{number}", "tasks": [{{"name": "t", "function": "gcd", "args": [4, 6]}}]}}' for number in range(6_000))
        async with house.api.session.post(
            f"{house.api.base}/workflows/batch", data=lines, headers={"Content-Type": "application/x-ndjson"}
        ) as response:
            codes = [line async for line in response.content]
        assert len(codes) == 6_000
        await until(lambda: house.collector.requests, 30, "the collector is asked")
        last = await house.api.submit([{"name": "t", "function": "gcd", "args": [4, 6]}], name="last")
        assert (await house.api.ended(last))["status"] == "completed"
        await until(dropped, 60, "spans are dropped, and counted")
        assert not house.collector.spans


async def test_what_a_collector_refuses_for_the_moment_is_sent_again(house):
    async with traced(house, await Collector(answers=(503, 429)).start()) as house:
        workflow = await house.api.submit([{"name": "t", "function": "gcd", "args": [4, 6]}], name="again")
        await house.api.ended(workflow)
        await house.collector.span("again")
        assert house.collector.requests >= 3 and len(house.collector.spans) == 2
