"""The cluster: submitting, waiting, following, functions of this process, models."""

import asyncio
import threading

import pytest

from gleitzeit_cluster import (
    ApiError,
    GleitzeitCluster,
    NotFound,
    SyncGleitzeitCluster,
    TaskContext,
    TokenRefused,
    WaitTimeout,
    WorkflowFailed,
    WorkflowStatus,
)

from conftest import TOKEN, House, work
from model import Model
from support.patience import PATIENCE, until
from support.server import Server


@pytest.fixture
async def cluster(house):
    async with GleitzeitCluster(house.url, start_server=False) as cluster:
        yield cluster


async def test_execute_gives_the_results(cluster):
    workflow = cluster.create_workflow("Dice", "two steps")
    workflow.add_python_task("Numbers", "random_data", ["numbers", 100, 1, 6])
    workflow.add_python_task("Statistics", "analyze_numbers", ["{{Numbers.result}}"])
    result = await cluster.execute_workflow(workflow)
    assert result.ok and result.status is WorkflowStatus.COMPLETED and result.raise_for_status() is result
    assert result.results["Statistics"]["count"] == 100
    assert (result.total_tasks, result.completed_tasks, result.failed_tasks) == (2, 2, 0)
    # The same again is the same workflow, not another one.
    again = await cluster.execute_workflow(workflow)
    assert again.results == result.results and len(await cluster.list_workflows()) == 1


async def test_failures_are_texts_with_a_code(cluster):
    workflow = cluster.create_workflow("Broken")
    bad = workflow.add_python_task("Bad", "decode_base64", ["!"], max_retries=0)
    result = await cluster.execute_workflow(workflow)
    assert result.status is WorkflowStatus.FAILED and result.errors["Bad"].code == "GZ7001"
    assert "decode_base64" in result.errors[bad.id]
    with pytest.raises(WorkflowFailed, match="decode_base64"):
        result.raise_for_status()
    status = await cluster.get_workflow_status(workflow.id)
    assert status["status"] == "failed" and "decode_base64" in status["errors"]["Bad"]


async def test_a_wait_has_an_end_and_the_workflow_goes_on(cluster):
    workflow = cluster.create_workflow("Waits")
    workflow.add_external_ml_task("Train", "ML Service", "train")
    with pytest.raises(WaitTimeout, match="goes on"):
        await cluster.execute_workflow(workflow, timeout=0.3)
    assert "ML Service" in (await cluster.why(workflow.id))["Train"]
    assert (await cluster.list_workflows(status="pending"))[0]["workflow_id"] == workflow.id
    assert await cluster.cancel_workflow(workflow.id) is True
    assert await cluster.cancel_workflow(workflow.id) is False, "it has ended"
    assert await cluster.cancel_workflow("nobody") is False
    assert (await cluster.wait_for_workflow(workflow.id)).status is WorkflowStatus.CANCELLED
    assert await cluster.get_workflow_status("nobody") is None
    with pytest.raises(NotFound, match="GZ3002"):
        await cluster.wait_for_workflow("nobody", 1)


async def test_refusals_say_what_and_what_to_do(cluster):
    workflow = cluster.create_workflow("Refused")
    workflow.add_python_task("a", "fibonacci", [3], dependencies=["b"])
    workflow.add_python_task("b", "fibonacci", [3], dependencies=["a"])
    with pytest.raises(ApiError, match="GZ3003") as refusal:
        await cluster.submit_workflow(workflow)
    assert refusal.value.status == 422 and refusal.value.fix and "What to do" in str(refusal.value)


async def test_waiting_survives_a_restart_of_the_server(house, cluster):
    async def handler(task):
        return "in the end"

    workflow = cluster.create_workflow("Patient")
    workflow.add_external_task("Work", "custom_processing")
    waiting = asyncio.create_task(cluster.execute_workflow(workflow))
    await until(lambda: stored(house, workflow.id), "it is stored")
    await house.server.crash_and_restart()
    await house.serve(handler)
    assert (await asyncio.wait_for(waiting, PATIENCE)).results["Work"] == "in the end"


async def stored(house, workflow_id: str) -> bool:
    return (await house.api.ask("GET", f"/workflows/{workflow_id}")).status == 200


async def test_functions_of_this_process_are_tasks(cluster):
    main = threading.get_ident()

    def blocking(a, b=1):
        assert threading.get_ident() != main
        return a + b

    async def asynchronous(text: str, ctx: TaskContext):
        assert threading.get_ident() == main
        ctx.progress(50, "half")
        return {"text": text.upper(), "attempt": ctx.attempt}

    cluster.register_python_functions({"blocking": blocking, "asynchronous": asynchronous})

    @cluster.register_python_function
    def decorated(values):
        return sorted(values)

    workflow = cluster.create_workflow("Functions")
    workflow.add_python_task("One", function_name="blocking", args=[1], kwargs={"b": 2})
    workflow.add_python_task("Two", "asynchronous", kwargs={"text": "{{One.result}} is three"})
    workflow.add_python_task("Three", "decorated", [[3, 1, 2]])
    workflow.add_python_task("Built in", "fibonacci", [5])
    workflow.add_python_task("Wrong arguments", "blocking", [1, 2, 3], max_retries=5)
    result = await cluster.execute_workflow(workflow, timeout=PATIENCE)
    assert dict(result.results) == {
        "One": 3,
        "Two": {"text": "3 IS THREE", "attempt": 1},
        "Three": [1, 2, 3],
        "Built in": [0, 1, 1, 2, 3],
    }
    assert "does not take these arguments" in result.errors["Wrong arguments"]
    nodes = [node for node in await cluster.list_services() if node["node_type"] == "executor"]
    assert len(nodes) == 1 and nodes[0]["task_types"] == ["function"]
    stats = await cluster.get_cluster_stats()
    assert stats["registered_functions"] == ["asynchronous", "blocking", "decorated"]
    assert stats["health"] == "healthy" and stats["version"]


async def test_functions_registered_while_the_connection_opens_run_too(house):
    """The last one at many moments between the first one and the answer to its registration."""
    for count in range(1, 16):
        async with GleitzeitCluster(house.url) as cluster:
            for number in range(count):
                cluster.register_python_function(f"given_{number}", lambda: "run")
                await asyncio.sleep(0.003)
            workflow = cluster.create_workflow("While opening")
            workflow.add_python_task("Last", f"given_{count - 1}")
            assert (await cluster.execute_workflow(workflow, timeout=PATIENCE)).results["Last"] == "run"


async def test_a_function_registered_before_the_start_runs_too(house):
    cluster = GleitzeitCluster(house.url)
    cluster.register_python_function("prepare", lambda: [1, 2])
    await cluster.start()
    workflow = cluster.create_workflow("Early")
    workflow.add_python_task("Prepare", "prepare")
    assert (await cluster.execute_workflow(workflow, timeout=PATIENCE)).results["Prepare"] == [1, 2]
    await cluster.stop()
    await cluster.stop()
    with pytest.raises(RuntimeError, match="start"):
        await cluster.submit_workflow(workflow)


async def test_handlers_are_told_what_happens_in_its_order(cluster):
    told = []

    async def asynchronous(data):
        told.append(("workflow_progress", data["progress_percentage"]))

    cluster.on("workflow_started", lambda data: told.append(("workflow_started", data["total_tasks"])))
    cluster.on("workflow_progress", asynchronous)
    cluster.on("task_completed", lambda data: told.append((data["task_name"], data["result"])))
    cluster.on("task_failed", lambda data: told.append((data["task_name"], data["code"])))
    cluster.on("workflow_completed", lambda data: told.append(("workflow_completed", data["results"])))
    cluster.on("workflow_failed", lambda data: told.append(("workflow_failed", data["failed_tasks"])))
    cluster.on("task_completed", lambda data: 1 / 0)
    workflow = cluster.create_workflow("Followed")
    workflow.add_python_task("a", "fibonacci", [3])
    workflow.add_python_task("b", "gcd", [12, 18], dependencies=["a"])
    await cluster.execute_workflow(workflow)
    names = [name for name, _ in told if name != "workflow_progress"]
    assert names == ["workflow_started", "a", "b", "workflow_completed"], told
    assert [value for name, value in told if name == "workflow_progress"][-1] == 100
    assert ("b", 6) in told and told[-1][1] == {"a": [0, 1, 1], "b": 6}
    told.clear()
    broken = cluster.create_workflow("Followed to its end")
    broken.add_python_task("c", "decode_base64", ["!"], max_retries=0)
    await cluster.execute_workflow(broken)
    assert [each for each in told if each[0] in ("c", "workflow_failed")] == [("c", "GZ7001"), ("workflow_failed", 1)]
    with pytest.raises(ValueError, match="workflow_progress"):
        cluster.on("workflow_progresses", print)


async def test_handlers_are_told_what_happened_while_the_connection_was_down(house):
    network = await house.network()
    told = []

    async def handler(task):
        return task["task_name"]

    async with GleitzeitCluster(network.url, start_server=False) as cluster:
        cluster.on("task_completed", lambda data: told.append(data["task_name"]))
        cluster.on("workflow_completed", lambda data: told.append("the end"))
        workflow = cluster.create_workflow("Missed")
        workflow.add_external_task("first", "custom_processing")
        workflow.add_external_task("second", "custom_processing", dependencies=["first"])
        await cluster.submit_workflow(workflow)
        network.cut()
        await house.serve(handler)
        await house.api.completed(workflow.id)
        await network.open()
        await until(lambda: "the end" in told, "what was missed is told")
    assert told == ["first", "second", "the end"]


@pytest.fixture
async def model(tmp_path):
    model = await Model().start()
    server = await Server(tmp_path, config=model.config()).start()
    house = House(server)
    yield house, model
    await house.close()
    await server.stop()
    await model.stop()


async def test_models_are_asked(model, tmp_path):
    house, model = model
    # The smallest picture there is.
    pixel = (
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000000301010"
        "0c9fe92ef0000000049454e44ae426082"
    )
    (tmp_path / "a.png").write_bytes(bytes.fromhex(pixel))
    async with GleitzeitCluster(house.url, start_server=False) as cluster:
        assert await cluster.analyze_text("Why?") == "An answer to: Why?"
        assert await cluster.analyze_text("Why not?", model="llama3") == "An answer to: Why not?"
        with pytest.raises(WorkflowFailed, match="GZ2011"):
            await cluster.analyze_text("Who?", model="unknown")
        answers = await cluster.batch_analyze_texts("Shorten: {text}", {"a": "long", "b": "longer"})
        assert answers == {"a": "An answer to: Shorten: long", "b": "An answer to: Shorten: longer"}
        path = str(tmp_path / "a.png")
        assert await cluster.batch_analyze_images("What?", [path]) == {path: "An answer to: What?"}
        assert await cluster.analyze_image("What?", path) == "An answer to: What?" and model.images == 2


async def test_a_folder_of_the_server_is_a_batch(tmp_path):
    files = tmp_path / "files"
    (files / "in").mkdir(parents=True)
    for name in ("a.txt", "b.txt"):
        (files / "in" / name).write_text(f"words of {name}")
    server = await Server(tmp_path, args=("--files-root", str(files))).start()
    house = House(server)
    try:
        async with GleitzeitCluster(house.url, start_server=False) as cluster:
            cluster.register_python_function("name_of", lambda file_path: file_path.rsplit("/", 1)[-1])
            result = await cluster.batch_process("in", function="name_of", timeout=PATIENCE)
            assert result.ok and result.results["aggregate_results"]["results"] == {"a.txt": "a.txt", "b.txt": "b.txt"}
    finally:
        await house.close()
        await server.stop()


def test_without_an_event_loop(tmp_path):
    server = Server(tmp_path)
    server._start()
    try:
        with SyncGleitzeitCluster(server.url, start_server=False) as cluster:
            ended = []
            cluster.on("workflow_completed", lambda data: ended.append(data["workflow_id"]))

            @cluster.register_python_function("double")
            def double(n):
                return 2 * n

            workflow = cluster.create_workflow("Sync")
            workflow.add_python_task("Double", "double", [21])
            assert cluster.execute_workflow(workflow, timeout=PATIENCE).results["Double"] == 42
            assert ended == [workflow.id]
            assert cluster.get_workflow_status(workflow.id)["status"] == "completed"
            assert cluster.cancel_workflow(workflow.id) is False
            assert [each["workflow_id"] for each in cluster.list_workflows()] == [workflow.id]
            assert cluster.get_cluster_stats()["is_started"] is True
            second = cluster.create_workflow("Waits")
            second.add_external_task("Work", "custom_processing")
            cluster.submit_workflow(second)
            assert "Work" in cluster.why(second.id)
    finally:
        asyncio.run(server.stop())


async def test_a_service_is_told_by_the_environment_where_its_server_is(guarded_house, monkeypatch):
    monkeypatch.setenv("GLEITZEIT_TOKEN", TOKEN)
    monkeypatch.setenv("GLEITZEIT_URL", f"{guarded_house.url}/")
    node = guarded_house.node("told", lambda task: "done", cluster_url=None, auth_token=None)
    assert node.cluster_url == guarded_house.url
    await node.open()
    await node.registered(PATIENCE)
    workflow = await guarded_house.api.submit([work("work")])
    assert await guarded_house.api.completed(workflow) == {"work": "done"}
    # What the program says counts more, and without both it is this machine.
    assert guarded_house.node("named", cluster_url="http://elsewhere:1/").cluster_url == "http://elsewhere:1"
    monkeypatch.delenv("GLEITZEIT_URL")
    assert guarded_house.node("alone", cluster_url=None).cluster_url == "http://localhost:8000"


async def test_the_token_is_asked_for_and_used(guarded_house, monkeypatch):
    with pytest.raises(TokenRefused, match="GLEITZEIT_TOKEN"):
        await GleitzeitCluster(guarded_house.url).start()
    with pytest.raises(TokenRefused):
        await GleitzeitCluster(guarded_house.url, auth_token="wrong").start()
    monkeypatch.setenv("GLEITZEIT_TOKEN", TOKEN)
    monkeypatch.setenv("GLEITZEIT_URL", guarded_house.url)
    async with GleitzeitCluster() as cluster:
        told = []
        cluster.on("workflow_completed", told.append)
        cluster.register_python_function("three", lambda: 3)
        workflow = cluster.create_workflow("Guarded")
        workflow.add_python_task("Three", "three")
        assert (await cluster.execute_workflow(workflow, timeout=PATIENCE)).results["Three"] == 3
        assert len(told) == 1
