"""The mistakes of the earlier server that are about what lasts, what is one, and what is told."""

import asyncio
import shutil
import uuid

import aiohttp
import pytest
import socketio

from support.earlier import echo
from support.patience import PATIENCE, until
from support.peer import NAMESPACE, POLLING, WEBSOCKET, wire_task
from support.rest import Api
from support.scripted import function, task
from support.server import Server


async def test_authentication_was_never_enforced(guarded_house):
    """See test_authentication for every event."""
    stranger = await guarded_house.stranger(token="wrong")
    await stranger.emit("authenticate", {"token": "wrong", "client_type": "wire_test"})
    assert (await stranger.next("authentication_failed"))["error"]
    workflow = await stranger.submit([wire_task("work")])
    await stranger.never("workflow:started")
    assert (await guarded_house.api.ask("GET", f"/workflows/{workflow}")).status == 404


async def test_workflow_submit_stored_nothing(house):
    observer = await house.observer()
    workflow = await observer.submit([wire_task("work")], name="kept")
    started = await observer.next("workflow:started")
    assert (started["workflow_id"], started["name"], started["total_tasks"]) == (workflow, "kept", 1)
    await house.server.crash_and_restart()
    assert (await house.api.get(f"/workflows/{workflow}"))["name"] == "kept"
    await house.service("late", {"custom_processing": echo})
    results = await house.api.completed(workflow)
    assert results == {"work": {"echo": {"step": "work"}}}, "keyed by task_id, where no name travelled"


async def test_internal_tasks_ran_twice(house):
    """Once in the server and once on an executor node that registered for them."""
    node = await house.executor("python functions", {"function": echo})
    workflow = await house.api.submit([function(f"n{i}", "count_words", text="one two") for i in range(20)])
    await house.api.completed(workflow)
    ends = [event for event in await house.api.events(workflow) if event["type"] == "task_completed"]
    assert len(ends) == 20
    assert len({a["task_id"] for a in node.assignments}) == len(node.assignments)


async def test_a_result_of_null_counted_as_no_result(house):
    async def nothing(assignment, progress):
        return None

    await house.service("nothing", {"custom_processing": nothing})
    observer = await house.observer()
    workflow = await observer.submit([wire_task("empty"), wire_task("after", "empty")])
    told = await observer.next("task:completed", task_id="empty")
    assert "result" in told and told["result"] is None
    await observer.next("workflow:completed", workflow_id=workflow)
    results = await house.api.ended(workflow)
    assert results["results"] == {"empty": None, "after": None}
    assert (results["completed_tasks"], results["failed_tasks"], results["errors"]) == (2, 0, {})


async def test_yaml_ids_collided_between_workflows(house):
    async def which(assignment, progress):
        await asyncio.sleep(0.2)
        return assignment["external_parameters"]["which"]

    await house.service("both", {"custom_processing": which})
    yaml = "name: {0}\ntasks:\n  - id: task_1\n    name: Work\n    external: custom\n    external_task_type: custom_processing\n    external_parameters: {{which: {0}}}\n"
    yaml += "  - id: task_2\n    name: After\n    dependencies: [task_1]\n    external: custom\n    external_task_type: custom_processing\n    external_parameters: {{which: '{{{{task_1.result}}}} after'}}\n"
    ids = []
    for name in ("red", "blue"):
        answer = await house.api.ask(
            "POST", "/workflows", data=yaml.format(name), headers={"Content-Type": "application/yaml"}
        )
        assert answer.status == 201, answer.body
        ids.append(answer.body["id"])
    assert await house.api.completed(ids[0]) == {"Work": "red", "After": "red after"}
    assert await house.api.completed(ids[1]) == {"Work": "blue", "After": "blue after"}


async def test_wire_ids_collided_between_workflows(house):
    """Two submitters that both call their task `task_1`, at one service that knows a task by nothing else."""
    running, cut = [], []

    async def slow(assignment, progress):
        running.append(assignment["workflow_id"])
        try:
            # The first one ends when it is cancelled; the others take long enough to be seen side by side.
            await asyncio.sleep(3600 if len(running) == 1 else 0.5)
        except asyncio.CancelledError:
            cut.append(assignment["workflow_id"])
            raise
        return assignment["workflow_id"]

    service = await house.service("both", {"custom_processing": slow})
    observer = await house.observer()
    first, second, third = [await observer.submit([wire_task("task_1")]) for _ in range(3)]
    await until(lambda: running, "the first one runs")
    await asyncio.sleep(1)
    assert (running, service.duplicates) == ([first], []), "one after the other"
    assert "same id" in str(await house.api.get(f"/tasks/{second}.0/why"))
    await house.api.post(f"/workflows/{first}/cancel")
    await until(lambda: cut, "the handler of the cancelled workflow is stopped")
    assert await house.api.completed(second) == {"task_1": second}
    assert await house.api.completed(third) == {"task_1": third}
    assert (running, cut, service.duplicates) == ([first, second, third], [first], [])


async def test_reports_without_a_workflow_are_taken_one_for_each_attempt(house):
    """A service that fences may hold both; it need not name the workflow, but then it cannot say which result is whose."""
    worker = await house.worker("both", register={"active": []})
    observer = await house.observer()
    ids = [await observer.submit([wire_task("task_1")]) for _ in range(2)]
    assignments = [await worker.assigned(), await worker.assigned()]
    assert [each["workflow_id"] for each in assignments] == ids
    for _ in assignments:
        assert (await worker.call("task:accepted", {"task_id": "task_1", "attempt": 1}))["ok"] is True
    for workflow in ids:
        assert (await house.api.get(f"/workflows/{workflow}/tasks"))["items"][0]["status"] == "processing"
    for result in ("one", "two"):
        report = {"task_id": "task_1", "attempt": 1, "result": result}
        assert (await worker.call("task:completed", report))["ok"] is True
    results = [(await house.api.completed(workflow))["task_1"] for workflow in ids]
    assert sorted(results) == ["one", "two"]


@pytest.mark.parametrize("transports", [WEBSOCKET, POLLING], ids=["websocket", "polling"])
async def test_a_message_above_1_mb_dropped_the_socket_without_a_word(house, transports):
    """More than a megabyte goes there and back; above the limit there is a clear error."""
    megabytes = "x" * 1_500_000
    worker = await house.worker("large", transports=transports)
    workflow = await house.api.submit([task("work", parameters={"text": megabytes})])
    assignment = await worker.assigned()
    assert assignment["external_parameters"]["text"] == megabytes
    await worker.accept(assignment)
    assert (await worker.complete(assignment, {"text": megabytes}))["ok"] is True
    assert (await house.api.completed(workflow))["work"]["text"] == megabytes


async def test_losing_the_database_silently_turned_durability_off(tmp_path):
    """Without its views the server makes them again; without its log it refuses to start, and says what is lost."""
    server = await Server(tmp_path).start()
    api = Api(server.url)
    workflow = await api.submit([function("count", "count_words", text="one two three")])
    results = await api.completed(workflow)
    await api.close()
    assert (await server.stop())[0] == 0
    shutil.rmtree(server.data / "store")
    await server.start()
    api = Api(server.url)
    assert await api.completed(workflow) == results
    await api.close()
    await server.stop()
    for segment in (server.data / "log").iterdir():
        segment.unlink()
    with pytest.raises(AssertionError, match="the server ended with [1-9]"):
        await server.start()
    assert str(server.data / "log") in server.log() or "segment" in server.log()


async def test_a_data_directory_that_cannot_be_used_is_refused(tmp_path):
    server = Server(tmp_path)
    server.data.write_text("this is a file")
    with pytest.raises(AssertionError, match="the server ended with [1-9]"):
        await server.start()
    assert str(server.data) in server.log()


async def test_stopping_took_24_s_with_clients_connected(tmp_path):
    server = await Server(tmp_path).start()
    clients = [socketio.AsyncClient(reconnection=False) for _ in range(6)]
    for number, client in enumerate(clients):
        transports = ["websocket"] if number % 2 else ["polling"]
        await client.connect(server.url, namespaces=[NAMESPACE], transports=transports, wait_timeout=PATIENCE)
    async with aiohttp.ClientSession() as session:
        # A reader of the event stream is connected as well.
        async with session.get(f"{server.url}/api/v1/events") as stream:
            assert stream.status == 200
            code, seconds = await server.stop()
    # It gives open connections two seconds; the rest is for a loaded machine.
    assert code == 0 and seconds < 20
    await until(lambda: not any(client.connected for client in clients), "every client notices")
    for client in clients:
        await client.disconnect()
