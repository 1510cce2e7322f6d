"""Everything that an earlier client does, over a websocket alone and over polling alone.

Nothing here uses an extension: no acknowledgement is asked for, no attempt is named.
"""

import asyncio

import pytest

from support.earlier import echo
from support.patience import PATIENCE, until
from support.peer import POLLING, WEBSOCKET, wire_task
from support.scripted import function

both = pytest.mark.parametrize("transports", [WEBSOCKET, POLLING], ids=["websocket", "polling"])


@both
async def test_the_life_of_a_workflow(house, transports):
    observer = await house.observer(transports=transports)
    service = await house.service("echo", {"custom_processing": echo}, transports=transports)
    told = await observer.next("external_service:registered")
    assert (told["service_id"], told["service_name"]) == (service.node_id, "echo")
    workflow = await observer.submit([wire_task("a"), wire_task("b", "a")], name="a life")
    started = await observer.next("workflow:started")
    assert (started["workflow_id"], started["name"], started["total_tasks"]) == (workflow, "a life", 2)
    for step, percentage in (("a", 50), ("b", 100)):
        assert (await observer.next("task:progress", task_id=step))["message"] == "half way"
        assert (await observer.next("task:completed", task_id=step))["result"] == {"echo": {"step": step}}
        assert (await observer.next("workflow:progress", progress_percentage=percentage))["workflow_id"] == workflow
    ended = await observer.next("workflow:completed")
    assert (ended["status"], ended["completed_tasks"], ended["failed_tasks"]) == ("completed", 2, 0)
    await observer.emit("workflow:status", {"workflow_id": workflow})
    status = (await observer.next("workflow:status_response"))["status"]
    assert (status["id"], status["status"], status["completed_tasks"]) == (workflow, "completed", 2)
    await observer.emit("cluster:stats", {"request_id": "r"})
    stats = await observer.next("cluster:stats_response", request_id="r")
    assert (stats["connected_clients"], stats["external_services"]) == (2, 1)
    await service.stop()
    assert (await observer.next("external_service:disconnected"))["service_id"] == service.node_id


@both
async def test_a_failure_is_told_and_followed_by_the_end(house, transports):
    async def fails(assignment, progress):
        raise RuntimeError("the disk is full")

    await house.service("broken", {"custom_processing": fails}, transports=transports)
    observer = await house.observer(transports=transports)
    workflow = await observer.submit([wire_task("work", max_retries=0), wire_task("after", "work")])
    failed = await observer.next("task:failed", workflow_id=workflow)
    assert failed["error"] == "the disk is full" and failed["retry_count"] == 0
    ended = await observer.next("workflow:completed", workflow_id=workflow)
    assert (ended["status"], ended["completed_tasks"], ended["failed_tasks"]) == ("failed", 0, 1)


@both
async def test_a_cancel_reaches_the_handler_and_is_confirmed(house, transports):
    stopped = asyncio.Event()

    async def endless(assignment, progress):
        try:
            await asyncio.sleep(3600)
        finally:
            stopped.set()

    service = await house.service("endless", {"custom_processing": endless}, capacity=1, transports=transports)
    observer = await house.observer(transports=transports)
    workflow = await observer.submit([wire_task("work")])
    await until(lambda: service.active, "the handler runs")
    await observer.emit("workflow:cancel", {"workflow_id": workflow})
    assert (await observer.next("workflow:cancelled"))["workflow_id"] == workflow
    await asyncio.wait_for(stopped.wait(), PATIENCE)
    # The confirmation frees the one slot.
    await observer.submit([wire_task("next")])
    await until(lambda: len(service.assignments) == 2, "the slot is free again")


@both
async def test_a_monitor_is_fed_until_it_unsubscribes(house, transports):
    await house.service("shown", {"custom_processing": echo}, heartbeat=0.3, transports=transports)
    monitor = await house.observer(transports=transports)
    await monitor.emit("monitor:subscribe", {"types": ["all"]})
    first = await monitor.next("monitor:initial_metrics")
    assert first["metrics"]["cluster_metrics"]["external_service_nodes"] == 1
    assert first["update_interval_seconds"] == 2.0
    await monitor.next("monitor:subscribed")
    for _ in range(2):
        update = await monitor.next("monitor:metrics_update")
        assert "shown" in str(update.get("metrics", update)["node_metrics"])
    await monitor.emit("monitor:get_metrics", {"type": "all", "history_minutes": 5})
    answer = await monitor.next("monitor:metrics_response")
    assert answer["current_metrics"]["queue_metrics"]["total_queued"] == 0 and answer["historical_metrics"]
    await monitor.emit("monitor:unsubscribe", {})
    await monitor.next("monitor:unsubscribed")
    monitor.inbox.clear()
    await monitor.never("monitor:metrics_update", seconds=3)


@both
async def test_a_service_that_comes_back_goes_on_with_its_task(house, transports):
    """The network breaks in the middle; it repeats hello and registration under the same id."""
    network = await house.network()
    release = asyncio.Event()

    async def waits(assignment, progress):
        await release.wait()
        return "after the cut"

    service = await house.service("cut off", {"custom_processing": waits}, url=network.url, transports=transports)
    observer = await house.observer()
    workflow = await observer.submit([wire_task("work", max_retries=0)])
    await until(lambda: service.active, "the handler runs")

    async def accepted() -> bool:
        return next(iter((await house.api.tasks(workflow)).values()))["status"] == "processing"

    await until(accepted, "the server knows that it was accepted")
    network.cut()
    await until(lambda: not service.sio.connected, "it has noticed")
    await network.open()
    await until(lambda: service.registrations >= 2, "it registered again")
    release.set()
    assert (await observer.next("task:completed"))["result"] == "after the cut"
    assert service.duplicates == [] and len(service.assignments) == 1


@both
async def test_a_megabyte_goes_both_ways(house, transports):
    await house.service("large", {"custom_processing": echo}, transports=transports)
    observer = await house.observer(transports=transports)
    text = "x" * 1_000_000
    parameters = {"external_task_type": "custom_processing", "external_parameters": {"text": text}}
    await observer.submit([wire_task("work", parameters=parameters)])
    assert (await observer.next("task:completed"))["result"] == {"echo": {"text": text}}


@both
async def test_a_node_says_that_it_takes_nothing_new(house, transports):
    worker = await house.worker("shy", fences=False, transports=transports)
    observer = await house.observer(transports=transports)
    await worker.emit("node:status", {"node_id": worker.node_id, "status": "draining"})
    told = await observer.next("node:status_change", node_id=worker.node_id)
    assert told["new_status"] == "draining"
    await observer.submit([wire_task("work")])
    await worker.never("task:assign")
    await worker.emit("node:status", {"node_id": worker.node_id, "status": "healthy"})
    assert (await worker.assigned())["task_id"] == "work"


@both
async def test_an_executor_node_does_internal_tasks(house, transports):
    async def prompt(assignment, progress):
        return assignment["parameters"]["prompt"].upper()

    async def own(assignment, progress):
        parameters = assignment["parameters"]
        return [parameters["function_name"], parameters["kwargs"]]

    observer = await house.observer(transports=transports)
    node = await house.executor("node", {"text": prompt, "function": own}, capacity=3, transports=transports)
    assert (await observer.next("node:registered", node_id=node.node_id))["name"] == "node"
    tasks = [{"name": f"t{n}", "task_type": "text", "parameters": {"prompt": f"say {n}"}} for n in range(9)]
    workflow = await house.api.submit([*tasks, function("own", "prepare_dataset", rows=3)])
    results = await house.api.completed(workflow)
    assert results == {**{f"t{n}": f"SAY {n}" for n in range(9)}, "own": ["prepare_dataset", {"rows": 3}]}
    assert node.duplicates == []
    await node.stop()
    assert (await observer.next("node:disconnected"))["node_id"] == node.node_id


@both
async def test_ten_slots_full_of_tasks_all_the_time(house, transports):
    """As many at once as a service takes unless it says otherwise, together with what everybody is told."""
    service = await house.service("busy", {"custom_processing": echo}, heartbeat=0.2, transports=transports)
    # A python-socketio client gives up on an answer to a poll that holds more than 16 packets.
    observer = await house.observer(transports=transports)
    workflow = await observer.submit([wire_task(f"t{n}", max_retries=0) for n in range(200)])
    ended = await observer.next("workflow:completed")
    assert (ended["workflow_id"], ended["completed_tasks"]) == (workflow, 200)
    assert len(observer.seen("task:completed")) == 200
    assert service.duplicates == [] and service.registrations == 1 and len(service.assignments) == 200
