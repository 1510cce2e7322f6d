"""`workflow:submit` and the events of its room."""

import uuid

from support.earlier import echo
from support.patience import until
from support.peer import wire_task
from support.scripted import function, task


async def test_the_room_is_told_every_step(house):
    await house.service("echo", {"custom_processing": echo})
    observer, outsider = await house.observer(), await house.observer()
    workflow = await observer.submit([wire_task("a"), wire_task("b", "a")], name="told")
    started = await observer.next("workflow:started")
    assert (started["workflow_id"], started["name"], started["total_tasks"]) == (workflow, "told", 2)
    for step, percentage in (("a", 50), ("b", 100)):
        progress = await observer.next("task:progress", task_id=step, progress=50)
        assert (progress["workflow_id"], progress["message"]) == (workflow, "half way")
        done = await observer.next("task:completed", task_id=step)
        assert done["result"] == {"echo": {"step": step}} and done["workflow_id"] == workflow
        assert done["execution_time"] >= 0 and done["timestamp"]
        told = await observer.next("workflow:progress", progress_percentage=percentage)
        assert told["workflow_id"] == workflow
    ended = await observer.next("workflow:completed")
    assert (ended["workflow_id"], ended["status"]) == (workflow, "completed")
    assert (ended["completed_tasks"], ended["failed_tasks"]) == (2, 0)
    room = [name for name, _ in outsider.inbox if name.startswith(("workflow:", "task:"))]
    assert room == [], "only the submitter is in the room"


async def test_an_assignment_has_everything_a_service_looks_for(house):
    observer = await house.observer()
    worker = await house.worker("looking", capabilities=["ml_inference"], fences=False)
    parameters = {
        "service_name": "looking",
        "external_task_type": "ml_inference",
        "external_parameters": {"rows": [1, 2]},
    }
    spec = wire_task("predict", task_type="external_ml", priority="high", timeout=77, parameters=parameters)
    workflow = await observer.submit([spec])
    got = await worker.assigned()
    assert (got["task_id"], got["workflow_id"], got["task_type"]) == ("predict", workflow, "external_ml")
    assert (got["external_task_type"], got["service_name"]) == ("ml_inference", "looking")
    assert got["external_parameters"] == {"rows": [1, 2]}
    assert got["parameters"]["external_parameters"] == {"rows": [1, 2]}
    assert (got["priority"], got["timeout"], got["external_timeout"]) == ("high", 77, 77)
    assert got["max_retries"] == 3 and isinstance(got["task_name"], str)
    assert "T" in got["assigned_at"] and not got["assigned_at"].endswith("Z")
    assert got["attempt"] >= 1


async def test_an_executor_node_is_assigned_its_types(house):
    async def shout(assignment, progress):
        return assignment["parameters"]["prompt"].upper()

    node = await house.executor("texts", {"text": shout}, capacity=2)
    tasks = [
        {"name": f"t{i}", "task_type": "text", "parameters": {"prompt": f"say {i}", "model_name": "none"}}
        for i in range(5)
    ]
    results = await house.api.completed(await house.api.submit(tasks))
    assert results == {f"t{i}": f"SAY {i}" for i in range(5)}
    assert len(node.assignments) == 5 and node.duplicates == []


async def test_the_status_of_a_workflow(house):
    observer = await house.observer()
    workflow = await observer.submit([wire_task("a"), wire_task("b", "a")], name="asked")
    await observer.next("workflow:started")
    await observer.emit("workflow:status", {"workflow_id": workflow})
    answer = await observer.next("workflow:status_response")
    assert answer["workflow_id"] == workflow
    status = answer["status"]
    # Pending until its first task has been given to somebody.
    assert (status["id"], status["name"]) == (workflow, "asked") and status["status"] in ("pending", "running")
    assert (status["total_tasks"], status["completed_tasks"], status["failed_tasks"]) == (2, 0, 0)
    assert "T" in status["created_at"]


async def test_ids_that_are_no_uuids_are_kept(house):
    """On the wire, in the room and in the results the submitter's own ids come back as they are."""
    worker = await house.worker("echo")
    observer = await house.observer()
    workflow = f"nightly {uuid.uuid4().hex[:6]}"
    await observer.submit([wire_task("load"), wire_task("report", "load")], workflow=workflow)
    assert (await observer.next("workflow:started"))["workflow_id"] == workflow
    assignment = await worker.run(1)
    assert (assignment["task_id"], assignment["workflow_id"]) == ("load", workflow)
    assert (await worker.run(2))["task_id"] == "report"
    assert (await observer.next("workflow:completed"))["workflow_id"] == workflow


async def test_uuid_task_ids_are_the_tasks_ids(house):
    await house.service("echo", {"custom_processing": echo})
    observer = await house.observer()
    task_id = str(uuid.uuid4())
    workflow = await observer.submit([wire_task(task_id)])
    assert (await observer.next("task:completed"))["task_id"] == task_id
    await observer.next("workflow:completed")
    assert (await house.api.get(f"/tasks/{task_id}"))["status"] == "completed"
    assert list(await house.api.completed(workflow)) == [task_id]


async def test_a_submission_that_makes_no_sense_is_refused_by_name(house):
    observer = await house.observer()
    cases = {
        "nowhere": [wire_task("a", "nowhere")],
        "circle_a": [wire_task("circle_a", "circle_b"), wire_task("circle_b", "circle_a")],
        "twin": [wire_task("twin"), wire_task("twin")],
    }
    for name, tasks in cases.items():
        workflow = str(uuid.uuid4())
        answer = await observer.call(
            "workflow:submit", {"workflow_id": workflow, "name": "bad", "tasks": tasks, "metadata": {}}
        )
        assert answer["ok"] is False and answer["code"].startswith("GZ") and name in answer["message"], answer
        assert (await house.api.ask("GET", f"/workflows/{workflow}")).status == 404
    assert observer.seen("workflow:started") == []


async def test_a_submission_is_acknowledged_and_repeatable(house):
    observer = await house.observer()
    body = {"workflow_id": str(uuid.uuid4()), "name": "twice", "tasks": [wire_task("a")], "metadata": {}}
    first = await observer.call("workflow:submit", body)
    assert first["ok"] is True and first["seq"] > 0
    again = await observer.call("workflow:submit", body)
    assert again["ok"] is True
    other = await observer.call("workflow:submit", {**body, "tasks": [wire_task("b")]})
    assert other["ok"] is False
    assert list(await house.api.tasks(body["workflow_id"])) == ["a"]


async def test_the_trace_context_travels(house):
    worker = await house.worker("traced")
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    answer = await house.api.ask(
        "POST", "/workflows", json={"name": "traced", "tasks": [task("a")]}, headers={"traceparent": trace}
    )
    assert answer.status == 201
    assert (await worker.assigned()).get("traceparent") == trace


async def test_watchers_get_numbered_frames(house):
    """Extension 6: `watch` joins a room whose frames carry `seq`."""
    await house.service("echo", {"custom_processing": echo})
    watcher = await house.observer()
    answer = await watcher.call("watch", {})
    assert answer["ok"] is True
    workflow = await house.api.submit([task("a"), task("b", "a"), function("c", "count_words", text="x y")])
    await house.api.completed(workflow)
    ended = (await house.api.events(workflow))[-1]

    def frames() -> list[dict]:
        return [payload for _, payload in watcher.inbox if isinstance(payload, dict) and "seq" in payload]

    await until(lambda: any(frame["seq"] >= ended["seq"] for frame in frames()), "the end is told")
    seqs = [frame["seq"] for frame in frames()]
    assert seqs == sorted(seqs)
    assert any(workflow in str(frame) for frame in frames())
