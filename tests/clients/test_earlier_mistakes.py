"""The mistakes of the earlier server: each has a test that bears its name. See also test_earlier_mistakes_lasting."""

import asyncio

from support.earlier import echo
from support.patience import PATIENCE, until
from support.peer import wire_task
from support.scripted import function, task


async def test_dependencies_were_not_enforced(house):
    """A slow first step completed last."""
    order: list[str] = []

    async def work(assignment, progress):
        step = assignment["external_parameters"]["step"]
        order.append(f"{step} begins")
        await asyncio.sleep(0.4 if step == "first" else 0)
        order.append(f"{step} ends")

    await house.service("pipeline", {"custom_processing": work})
    observer = await house.observer()
    workflow = await observer.submit([wire_task("third", "second"), wire_task("second", "first"), wire_task("first")])
    await observer.next("workflow:completed", workflow_id=workflow)
    assert order == [f"{step} {what}" for step in ("first", "second", "third") for what in ("begins", "ends")]


async def test_templates_reached_the_service_as_literal_text(house):
    await house.service("echo", {"custom_processing": echo})
    workflow = await house.api.submit([
        function("Numbers", "analyze_numbers", numbers=[1, 2, 3]),
        task("whole", parameters={"mean": "{{Numbers.result.mean}}", "all": "{{Numbers.result}}"}),
        task("inside", parameters={"text": "the sum is {{Numbers.result.sum}} of ${Numbers.result.count}"}),
    ])
    results = await house.api.completed(workflow)
    assert results["whole"]["echo"]["mean"] == 2
    assert results["whole"]["echo"]["all"] == results["Numbers"]
    assert results["inside"]["echo"]["text"] in ("the sum is 6 of 3", "the sum is 6.0 of 3")


async def test_a_template_nested_in_external_parameters_was_never_filled(house):
    await house.service("echo", {"custom_processing": echo})
    deep = {"rows": [{"value": "{{first.result.echo.list.1.name}}"}, {"deeper": {"all": ["{{first.result.echo}}"]}}]}
    workflow = await house.api.submit([
        task("first", parameters={"list": [{"name": "a"}, {"name": "b"}]}),
        task("second", parameters=deep),
    ])
    results = await house.api.completed(workflow)
    filled = results["second"]["echo"]["rows"]
    assert filled[0] == {"value": "b"}
    assert filled[1] == {"deeper": {"all": [results["first"]["echo"]]}}


async def test_service_name_was_ignored_in_routing(house):
    north = await house.service("north", {"custom_processing": echo})
    south = await house.service("south", {"custom_processing": echo})
    names = ["north", "south", "south", "north", "south"]
    workflow = await house.api.submit([task(f"t{i}", service=name) for i, name in enumerate(names)])
    await house.api.completed(workflow)
    assert sorted(a["task_name"] for a in north.assignments) == ["t0", "t3"]
    assert sorted(a["task_name"] for a in south.assignments) == ["t1", "t2", "t4"]
    assert all(a["service_name"] == "south" for a in south.assignments)


async def test_task_type_was_ignored_in_routing(house):
    trainer = await house.service("trainer", {"ml_training": echo}, ["ml_training"])
    database = await house.service("database", {"database_operations": echo}, ["database_operations"])
    workflow = await house.api.submit([
        task("store", kind="database_operations"),
        task("train", kind="ml_training"),
        task("store again", kind="database_operations"),
    ])
    await house.api.completed(workflow)
    assert [a["task_name"] for a in trainer.assignments] == ["train"]
    assert {a["task_name"] for a in database.assignments} == {"store", "store again"}
    assert {a["external_task_type"] for a in database.assignments} == {"database_operations"}


async def test_a_task_taken_for_the_wrong_kind_of_node_was_dropped(house):
    """It waits for the right one, however many wrong ones ask for work."""
    executor = await house.executor("texts", {"text": echo})
    api = await house.service("api", {"api_integration": echo}, ["api_integration"])
    workflow = await house.api.submit([task("train", kind="ml_training")])
    await asyncio.sleep(0.5)
    assert await house.api.task_status(workflow, "train") == "queued"
    assert "ml_training" in await house.api.why(workflow, "train") or "external_ml" in await house.api.why(workflow, "train")
    trainer = await house.service("trainer", {"ml_training": echo}, ["ml_training"])
    await house.api.completed(workflow)
    assert (len(executor.assignments), len(api.assignments), len(trainer.assignments)) == (0, 0, 1)


async def test_a_disconnected_services_task_stayed_assigned_for_ever(house):
    leaving = await house.worker("leaving")
    workflow = await house.api.submit([task("work")])
    first = await leaving.assigned()
    await leaving.accept(first)
    staying = await house.worker("staying")
    await leaving.close()
    second = await staying.assigned()
    assert second["task_id"] == first["task_id"] and second["attempt"] > first["attempt"]
    await staying.accept(second)
    await staying.complete(second, "done")
    assert await house.api.completed(workflow) == {"work": "done"}


async def test_a_failure_was_final_whatever_max_retries_said(house):
    async def fails_twice(assignment, progress):
        if len(service.assignments) < 3:
            raise RuntimeError(f"try {len(service.assignments)} failed")
        return "third time"

    service = await house.service("shaky", {"custom_processing": fails_twice})
    workflow = await house.api.submit([task("work", attempts=3)])
    assert await house.api.completed(workflow) == {"work": "third time"}
    assert len(service.assignments) == 3 and service.duplicates == []


async def test_max_retries_counts_the_tries_after_the_first(house):
    async def fails(assignment, progress):
        raise RuntimeError("never works")

    service = await house.service("broken", {"custom_processing": fails})
    spec = task("work")
    del spec["retry"]
    workflow = await house.api.submit([{**spec, "max_retries": 1}])
    results = await house.api.ended(workflow)
    assert results["status"] == "failed" and len(service.assignments) == 2
    assert results["errors"]["work"]["message"].find("never works") >= 0


async def test_no_workflow_completed_followed_a_failure(house):
    async def fails(assignment, progress):
        raise RuntimeError("never works")

    service = await house.service("broken", {"custom_processing": fails})
    observer = await house.observer()
    workflow = await observer.submit([wire_task("work", max_retries=1), wire_task("after", "work"), wire_task("other", max_retries=0)])
    failed = await observer.next("task:failed", task_id="work", workflow_id=workflow)
    assert "never works" in failed["error"] and failed["retry_count"] == 1
    done = await observer.next("workflow:completed", workflow_id=workflow)
    assert (done["status"], done["completed_tasks"], done["failed_tasks"]) == ("failed", 0, 2)
    assert [a["task_id"] for a in service.assignments].count("work") == 2
    assert observer.seen("task:failed", task_id="work") == [], "only the final failure is told"


async def test_task_cancel_was_never_sent(house):
    stopped = asyncio.Event()

    async def endless(assignment, progress):
        try:
            await asyncio.sleep(3600)
        finally:
            stopped.set()

    service = await house.service("endless", {"custom_processing": endless}, capacity=1)
    observer = await house.observer()
    workflow = await observer.submit([wire_task("work")])
    await until(lambda: service.active, "the handler runs")
    await observer.emit("workflow:cancel", {"workflow_id": workflow})
    assert (await observer.next("workflow:cancelled"))["workflow_id"] == workflow
    await asyncio.wait_for(stopped.wait(), PATIENCE)
    # The confirmation frees the one slot for the next task.
    second = await observer.submit([wire_task("again")])
    await until(lambda: len(service.assignments) == 2, "the slot is free again")
    await observer.emit("workflow:cancel", {"workflow_id": second})
    await observer.next("workflow:cancelled", workflow_id=second)
    assert await house.api.status(workflow) == "cancelled"


async def test_external_heartbeats_were_ignored(house):
    service = await house.service("alive", {"custom_processing": echo}, heartbeat=0.3)
    service.completed, service.failed = 41, 7
    observer = await house.observer()

    async def reported() -> bool:
        await observer.emit("monitor:get_metrics", {"type": "all"})
        metrics = (await observer.next("monitor:metrics_response"))["current_metrics"]["node_metrics"]
        node = next(node for node in metrics if node["node_id"] == service.node_id)
        return (node["tasks_completed"], node["tasks_failed"]) == (41, 7)

    await until(reported, "the counters of the heartbeat are shown")


async def test_every_metrics_reply_failed_once_a_node_was_registered(house):
    await house.service("service", {"custom_processing": echo})
    await house.executor("executor", {"text": echo})
    observer = await house.observer()
    await observer.emit("monitor:subscribe", {"types": ["all"]})
    first = await observer.next("monitor:initial_metrics")
    assert len(first["metrics"]["node_metrics"]) >= 2
    await observer.next("monitor:subscribed")
    await observer.next("monitor:metrics_update")
    await observer.emit("monitor:get_metrics", {"type": "node_metrics"})
    assert (await observer.next("monitor:metrics_response"))["current_metrics"]


async def test_it_dispatched_by_polling(house):
    """Two seconds a step and half a task a second."""
    await house.service("quick", {"custom_processing": echo}, capacity=50)
    steps = await house.api.submit([task(f"s{i}", *([f"s{i - 1}"] if i else [])) for i in range(20)])
    await house.api.completed(steps)
    wide = await house.api.submit([task(f"t{i}") for i in range(100)])
    await house.api.completed(wide)
    for workflow in (steps, wide):
        events = await house.api.events(workflow)
        # The log has the time of every decision: what lets a task go and its assignment are one.
        causes = {each["at"] for each in events if each["type"] in ("workflow_submitted", "task_completed")}
        assigned = [each["at"] for each in events if each["type"] == "task_assigned"]
        assert len(assigned) == len(await house.api.tasks(workflow)) and set(assigned) <= causes
