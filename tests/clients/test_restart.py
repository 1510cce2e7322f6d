"""`kill -9` and SIGTERM in the middle of work, and clients that come back by themselves."""

import asyncio

import pytest

from support.earlier import echo
from support.patience import PATIENCE, until
from support.peer import POLLING, WEBSOCKET
from support.scripted import held, task


@pytest.mark.parametrize("transports", [WEBSOCKET, POLLING], ids=["websocket", "polling"])
async def test_an_earlier_service_goes_on_after_a_crash_of_the_server(house, transports):
    """Its handler runs through the outage, it comes back under its `node_id`, and the result counts."""
    release = asyncio.Event()

    async def long(assignment, progress):
        await release.wait()
        return "through the outage"

    service = await house.service("patient", {"custom_processing": long}, transports=transports, heartbeat=1.0)
    workflow = await house.api.submit([task("work", attempts=1), task("after", "work")])
    await until(lambda: service.active, "the handler runs")
    await until(lambda: accepted(house, workflow), "the server knows that it was accepted")
    await house.server.crash_and_restart()
    await until(lambda: service.registrations >= 2, "it registered again")
    await asyncio.sleep(0.5)
    release.set()
    assert await house.api.completed(workflow) == {"work": "through the outage", "after": "through the outage"}
    assert service.duplicates == [], "the same task must not be started twice"
    assert len(service.assignments) == 2


async def accepted(house, workflow: str) -> bool:
    return await house.api.task_status(workflow, "work") == "processing"


async def test_a_result_lost_in_the_outage_is_found_by_counting(house):
    """The earlier service finishes while the server is away, and its result is gone for good."""
    release = asyncio.Event()
    release_soon: list[bool] = []

    async def once_late(assignment, progress):
        if not release_soon:
            release_soon.append(True)
            await release.wait()
        return f"run {len(service.assignments)}"

    service = await house.service("unlucky", {"custom_processing": once_late}, heartbeat=1.0)
    workflow = await house.api.submit([task("work", attempts=1)])
    await until(lambda: accepted(house, workflow), "accepted")
    await house.server.kill()
    release.set()
    await until(lambda: not service.active, "it finished into the void")
    await house.server.start()
    assert await house.api.completed(workflow) == {"work": "run 2"}
    assert service.duplicates == []


async def test_what_was_acknowledged_is_there_after_a_crash(house):
    worker = await house.worker("worker", capacity=50)
    workflows = [await house.api.submit([task("work"), task("after", "work")]) for _ in range(20)]
    acknowledged = {}
    for _ in range(20):
        assignment = await worker.assigned()
        await worker.accept(assignment)
        answer = await worker.complete(assignment, assignment["workflow_id"])
        if answer["ok"]:
            acknowledged[assignment["workflow_id"], assignment["task_name"]] = assignment
    await house.server.crash_and_restart()
    for workflow, name in acknowledged:
        tasks = await house.api.tasks(workflow)
        assert tasks[name]["status"] == "completed", (workflow, name)
    await house.service("echo", {"custom_processing": echo}, capacity=50)
    for workflow in workflows:
        # The crash took the first worker's connection; what it still held comes back after its grace.
        await house.api.completed(workflow)


async def test_an_outbox_survives_the_crash(house):
    """A result that the client still holds counts as active, and is accepted once after the restart."""
    worker = await house.worker("outbox")
    workflow = await house.api.submit([task("work", attempts=1)])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    await house.server.crash_and_restart()
    again = await house.worker("outbox", node_id=worker.node_id, register={"active": held(assignment)})
    first = await again.complete(assignment, "kept")
    second = await again.complete(assignment, "sent twice")
    assert first["ok"] is True and second.get("ok") in (True, False)
    assert await house.api.completed(workflow) == {"work": "kept"}
    assert again.seen("task:assign") == []


async def test_an_offer_nobody_answered_is_decided_after_the_restart(house):
    """The accept deadline starts anew at the re-registration; the same attempt is never sent again."""
    worker = await house.worker("offered", fences=False)
    workflow = await house.api.submit([task("work", attempts=1)])
    first = await worker.assigned()
    await house.server.crash_and_restart()
    again = await house.worker("offered", node_id=worker.node_id, fences=False)
    other = await house.worker("other")
    second = await other.assigned()
    assert second["task_id"] == first["task_id"] and second["attempt"] > first["attempt"]
    assert again.seen("task:assign") == []
    await other.accept(second)
    await other.complete(second, "other")
    assert await house.api.completed(workflow) == {"work": "other"}


async def test_a_restart_is_announced_only_to_those_who_asked_for_it(house):
    aware = await house.worker("aware", register={"restart_aware": True})
    unaware = await house.worker("unaware")
    service = await house.service("earlier", {"custom_processing": echo})
    code, _ = await house.server.stop()
    assert code == 0
    assert (await aware.next("cluster:shutdown"))["restart"] is True
    assert unaware.seen("cluster:shutdown") == [] and not service.stopped_for_good
    await house.server.start()
    await until(lambda: service.registrations >= 2, "the earlier service came back by itself")
    await house.api.completed(await house.api.submit([task("work", service="earlier")]))


async def test_a_shutdown_of_the_services_ends_the_earlier_clients(house):
    """`gleitzeit shutdown --services` is the one thing that sends `cluster:shutdown` to everybody."""
    service = await house.service("earlier", {"custom_processing": echo})
    worker = await house.worker("worker")
    program = await asyncio.create_subprocess_exec(
        house.server.command()[0], "shutdown", "--services", "--url", house.url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(program.communicate(), PATIENCE)
    assert program.returncode == 0, output.decode()
    await until(lambda: service.stopped_for_good, "the earlier service is over")
    assert (await worker.next("cluster:shutdown"))["restart"] is False


async def test_running_handlers_end_once_when_the_network_comes_and_goes(house):
    """Three cuts in the middle of many tasks: everything ends, nothing is started twice at once."""
    network = await house.network()

    async def work(assignment, progress):
        await asyncio.sleep(0.05)
        return assignment["external_parameters"]["step"]

    service = await house.service("flapping", {"custom_processing": work}, url=network.url, heartbeat=0.5, capacity=4)
    workflow = await house.api.submit([task(f"t{i}", attempts=1) for i in range(40)])
    for _ in range(3):
        await asyncio.sleep(0.4)
        network.cut()
        await asyncio.sleep(0.4)
        await network.open()
    # An offer whose acceptance was lost goes back to a service that knows no attempts after two liveness intervals.
    results = await house.api.completed(workflow, 3 * PATIENCE)
    assert results == {f"t{i}": f"t{i}" for i in range(40)}
    assert service.duplicates == []
