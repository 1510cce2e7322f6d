"""Services that come back under their node id: those that were killed, and those that only lost their connection."""

import asyncio
import sys
import uuid

import pytest
from conftest import open_house

from support.patience import until
from support.scripted import task
from support.server import Server

# A service as somebody writes it who has read about the base protocol: no list, no heartbeat unless it is told how often.
SERVICE = """
import asyncio, sys, socketio

url, node_id, heartbeat = sys.argv[1], sys.argv[2], float(sys.argv[3])
sio, held = socketio.AsyncClient(), set()

async def work(task):
    known = {'task_id': task['task_id'], 'workflow_id': task['workflow_id'], 'node_id': node_id}
    held.add(task['task_id'])
    await sio.emit('task:accepted', known, namespace='/cluster')
    if task['attempt'] == 1:
        await asyncio.sleep(10_000)
    await sio.emit('task:completed', {**known, 'result': f"attempt {task['attempt']}"}, namespace='/cluster')
    held.discard(task['task_id'])

@sio.on('task:assign', namespace='/cluster')
async def assign(task):
    asyncio.create_task(work(task))

@sio.on('connected', namespace='/cluster')
async def register(_):
    await sio.emit('node:register', {'node_id': node_id, 'name': 'Killed', 'node_type': 'external_service',
        'capabilities': {'task_types': ['external_custom', 'custom_processing']}}, namespace='/cluster')

async def main():
    await sio.connect(url, namespaces=['/cluster'])
    while True:
        await asyncio.sleep(heartbeat or 10_000)
        await sio.emit('node:heartbeat', {'node_id': node_id, 'status': 'ready', 'active_tasks': len(held)},
            namespace='/cluster')

asyncio.run(main())
"""


@pytest.fixture
async def brisk_house(tmp_path):
    """Who came back has a second to show what it works on."""
    async for house in open_house(Server(tmp_path, config="[limits]\nconfirm_timeout_seconds = 1\n")):
        yield house


@pytest.fixture
async def services():
    """Starts services as processes; those that still run at the end are killed."""
    started: list[asyncio.subprocess.Process] = []

    async def start(house, node_id: str, heartbeat: float) -> asyncio.subprocess.Process:
        arguments = (house.url, node_id, str(heartbeat))
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVICE, *arguments)
        started.append(process)
        return process

    yield start
    for process in started:
        await killed(process)


async def killed(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


async def is_processing(house, workflow: str) -> bool:
    return await house.api.task_status(workflow, "work") == "processing"


async def lost(house, workflow: str) -> list[str]:
    return [event["reason"] for event in await house.api.events(workflow) if event["type"] == "attempt_lost"]


@pytest.mark.parametrize("heartbeat", [0, 0.5], ids=["silent", "counting"])
async def test_a_killed_service_that_came_back_gets_its_task_again(brisk_house, services, heartbeat):
    """A new process cannot hold what the one before it held."""
    house, node_id = brisk_house, f"killed-{uuid.uuid4().hex[:6]}"
    first = await services(house, node_id, heartbeat)
    workflow = await house.api.submit([task("work", attempts=1)])
    await until(lambda: is_processing(house, workflow), "the first process works on it")
    await killed(first)
    await services(house, node_id, heartbeat)
    assert await house.api.completed(workflow) == {"work": "attempt 2"}
    assert await lost(house, workflow) in (["unconfirmed"], ["forgotten"])


async def test_why_says_that_nobody_knows_whether_it_still_runs(house, services):
    node_id = f"killed-{uuid.uuid4().hex[:6]}"
    first = await services(house, node_id, 0)
    workflow = await house.api.submit([task("work", attempts=1)])
    await until(lambda: is_processing(house, workflow), "the first process works on it")
    await killed(first)
    await services(house, node_id, 0)

    async def in_doubt() -> bool:
        return "has not said that it still works on this" in await house.api.why(workflow, "work")

    await until(in_doubt, "the new process is back, and `why` says what is in doubt")
    assert "'kind': 'unconfirmed'" in await house.api.why(workflow, "work")


async def test_a_service_that_only_lost_its_connection_keeps_what_its_heartbeats_count(house):
    """The same process on a new connection."""
    network = await house.network()
    release = asyncio.Event()

    async def long(assignment, progress):
        await release.wait()
        return len(service.assignments)

    service = await house.service("cut", {"custom_processing": long}, url=network.url, heartbeat=0.5)
    workflow = await house.api.submit([task("work", attempts=1)])
    await until(lambda: is_processing(house, workflow), "accepted")
    network.cut()
    await network.open()
    await until(lambda: service.registrations >= 2, "it is back")

    async def certain() -> bool:
        return "'kind': 'running', 'message': 'runs on" in await house.api.why(workflow, "work")

    await until(certain, "a heartbeat counts it")
    release.set()
    assert await house.api.completed(workflow) == {"work": 1}


async def test_progress_after_the_return_is_a_sign_of_life(house):
    node_id = f"back-{uuid.uuid4().hex[:6]}"
    network = await house.network()
    worker = await house.worker("back", url=network.url, node_id=node_id, fences=False)
    workflow = await house.api.submit([task("work", attempts=1)])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    network.cut()
    again = await house.worker("back", node_id=node_id, fences=False)
    assert "unconfirmed" in await house.api.why(workflow, "work")
    assert (await again.progress(assignment, 40, "still there"))["ok"] is True
    assert "unconfirmed" not in await house.api.why(workflow, "work")
    assert (await again.complete(assignment, "done"))["ok"] is True
    assert await house.api.completed(workflow) == {"work": "done"}


async def test_an_instance_tells_a_new_process_from_a_new_connection(house):
    node_id = f"named-{uuid.uuid4().hex[:6]}"
    network = await house.network()
    worker = await house.worker("named", url=network.url, node_id=node_id, fences=False, register={"instance": "one"})
    workflow = await house.api.submit([task("work", attempts=1)])
    first = await worker.assigned()
    await worker.accept(first)
    network.cut()
    same = await house.unregistered("named", node_id=node_id, fences=False)
    assert (await same.register(instance="one"))["held"] == [first["task_id"]]
    assert "unconfirmed" not in await house.api.why(workflow, "work")
    other = await house.unregistered("named", node_id=node_id, fences=False)
    assert (await other.register(instance="two"))["held"] == []
    second = await other.assigned()
    assert second["task_id"] == first["task_id"] and second["attempt"] > first["attempt"]
    await other.accept(second)
    await other.complete(second, "by the second process")
    assert await house.api.completed(workflow) == {"work": "by the second process"}
    assert await lost(house, workflow) == ["forgotten"]


async def test_who_comes_back_too_late_is_told_to_stop_and_begins_again(tmp_path):
    """The server was away for longer than the service needs to be given up: nobody waits for the end of a grace."""
    config = "[limits]\ndisconnect_grace_seconds = 0.5\n"
    async for house in open_house(Server(tmp_path, config=config)):

        async def once_long(assignment, progress):
            if len(service.assignments) == 1:
                await asyncio.sleep(10_000)
            return len(service.assignments)

        service = await house.service("late", {"custom_processing": once_long}, reconnect_after=4.0)
        workflow = await house.api.submit([task("work", attempts=1)])
        await until(lambda: is_processing(house, workflow), "accepted")
        await house.server.crash_and_restart()
        assert await house.api.completed(workflow) == {"work": 2}
        assert service.duplicates == []
        assert await lost(house, workflow) == ["disconnected"]
