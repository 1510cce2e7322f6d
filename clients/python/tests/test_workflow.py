"""What the builders write, and that the server reads it."""

import uuid

import pytest

from gleitzeit_cluster import (
    ErrorStrategy,
    RetryPolicy,
    Task,
    TaskParameters,
    TaskPriority,
    TaskRequirements,
    TaskType,
    Workflow,
    WorkflowErrorStrategy,
    WorkflowResult,
)


def one_of_each() -> Workflow:
    workflow = Workflow(
        "Everything",
        "one task of each kind",
        error_strategy=WorkflowErrorStrategy.SKIP_FAILED_TASKS,
        max_parallel_tasks=3,
        timeout_seconds=90_000,
        tags=["a"],
        metadata={"team": "x"},
        version="2.0",
    )
    workflow.add_text_task("text", "Why?", "llama3", temperature=0.2, system_prompt="Be short.", max_tokens=9)
    workflow.add_vision_task("vision", "What?", "photos/a.png", "llava", ["text"])
    workflow.add_python_task("function", "fibonacci", [10], priority=TaskPriority.HIGH, max_retries=1)
    workflow.add_python_task("named", "count_words", kwargs={"text": "{{text.result}}"})
    workflow.add_http_task("http", "https://example.org", "POST", {"X-A": "b"}, {"n": 1}, allow_status=[404])
    workflow.add_file_task("file", "write", target_path="out.txt", content="{{http.result.content}}")
    workflow.add_external_task("external", "weather_forecast", "Weather", {"city": "Hamburg"}, timeout=7)
    workflow.add_external_task("hook", "webhook_handling", service_url="https://example.org/hook")
    workflow.add_external_ml_task("train", "ML Service", "train", {"kind": "tree"}, {"rows": "{{function.result}}"})
    workflow.add_external_ml_task("infer", "ML Service", "evaluate", dependencies=["train"], note="kept")
    workflow.add_external_api_task("api", "API Service", "/score", payload={"a": 1}, headers={"b": "c"})
    workflow.add_external_database_task("database", "Database Service", "query", {"sql": "select 1"})
    return workflow


def test_the_builders_write_what_the_other_languages_write():
    body = one_of_each().to_dict()
    tasks = {task["name"]: task for task in body["tasks"]}
    assert (body["error_strategy"], body["max_parallel_tasks"], body["version"]) == ("skip", 3, "2.0")
    assert tasks["text"] == {
        "name": "text",
        "task_type": "text",
        "parameters": {
            "prompt": "Why?",
            "model_name": "llama3",
            "temperature": 0.2,
            "system_prompt": "Be short.",
            "max_tokens": 9,
        },
        "dependencies": [],
    }
    assert tasks["vision"]["parameters"] == {"prompt": "What?", "image_path": "photos/a.png", "model_name": "llava"}
    assert tasks["function"]["priority"] == "high" and tasks["function"]["max_retries"] == 1
    assert tasks["http"]["parameters"]["allow_status"] == [404]
    assert tasks["file"]["parameters"] == {
        "operation": "write",
        "target_path": "out.txt",
        "content": "{{http.result.content}}",
    }
    assert tasks["external"]["task_type"] == "external_custom" and tasks["external"]["timeout_seconds"] == 7
    assert tasks["hook"]["task_type"] == "external_webhook" and tasks["hook"]["timeout_seconds"] == 1800
    train, infer = tasks["train"], tasks["infer"]
    assert (train["task_type"], train["timeout_seconds"]) == ("external_ml", 3600)
    assert train["parameters"] == {
        "external_task_type": "ml_training",
        "service_name": "ML Service",
        "external_parameters": {
            "operation": "train",
            "model_params": {"kind": "tree"},
            "data_params": {"rows": "{{function.result}}"},
        },
    }
    assert infer["parameters"]["external_task_type"] == "ml_inference"
    assert infer["parameters"]["external_parameters"]["note"] == "kept" and infer["dependencies"] == ["train"]
    assert tasks["api"]["timeout_seconds"] == 300 and tasks["database"]["timeout_seconds"] == 600
    assert tasks["api"]["parameters"]["external_parameters"] == {
        "endpoint": "/score",
        "method": "POST",
        "payload": {"a": 1},
        "headers": {"b": "c"},
    }


async def test_the_server_takes_all_of_it(tmp_path):
    from conftest import House
    from support.server import Server

    server = await Server(tmp_path, args=("--files-root", str(tmp_path))).start()
    house = House(server)
    try:
        checked = await house.api.post("/validate", json=one_of_each().to_dict())
        assert checked["valid"] is True and checked["total_tasks"] == 12
    finally:
        await house.close()
        await server.stop()


async def test_strategies_priorities_and_policies_arrive(house):
    workflow = Workflow("settings", error_strategy=ErrorStrategy.STOP_ON_FIRST_ERROR)
    first = workflow.add_external_task(
        "first",
        "custom_processing",
        priority="urgent",
        retry=RetryPolicy(max_attempts=7, strategy="fixed", base_delay=2),
        requirements=TaskRequirements(node_tags=["nowhere"]),
        timeout=11,
        depends_on_success=False,
        tags=["t"],
        metadata={"m": 1},
    )
    workflow.add_task(
        Task(
            "second",
            TaskType("python_function"),
            TaskParameters(function_name="fibonacci", args=[3]),
            dependencies=[first],
        )
    )
    body = workflow.to_dict()
    await house.api.post("/workflows", json=body)
    found = await house.api.get(f"/workflows/{workflow.id}")
    assert found["error_strategy"] == "stop"
    tasks = await house.api.tasks(workflow.id)
    one = tasks["first"]
    assert (one["priority"], one["max_attempts"], one["timeout_seconds"]) == ("urgent", 7, 11)
    assert one["id"] == first.id, "the id that follows from the place is the server's"
    assert tasks["second"]["dependencies"], "a task as a dependency"
    assert "the tag nowhere" in await house.api.why(workflow.id, "first")


async def test_tasks_may_be_referred_to_by_name_id_or_themselves(house):
    workflow = Workflow("references")
    numbers = workflow.add_python_task("Numbers", "random_data", ["numbers", 5, 1, 6])
    key = workflow.add_python_task("With a key", "analyze_numbers", ["{{Numbers.result}}"], id="stats")
    by_id = workflow.add_python_task(
        "By id", "analyze_numbers", [f"{{{{{numbers.id}.result}}}}"], dependencies=[numbers.id, "stats", key]
    )
    by_id.dependencies = list(by_id.dependencies)
    assert by_id.parameters.args == [f"{{{{{numbers.id}.result}}}}"]
    answer = await house.api.ask("POST", "/workflows", json=workflow.to_dict(), headers={"Prefer": "wait=30"})
    assert answer.body["status"] == "completed", await house.api.get(f"/workflows/{workflow.id}/results")
    results = WorkflowResult.of(await house.api.get(f"/workflows/{workflow.id}/results"), workflow.names())
    assert results.results["By id"] == results.results["stats"] == results.results[by_id.id]
    assert results.results.get("nobody") is None and "Numbers" in results.results
    with pytest.raises(KeyError):
        results.results["nobody"]


def test_each_workflow_has_an_id_of_its_own():
    ids = [Workflow("w").id for _ in range(3)]
    # One that told a time would depend on two clocks.
    assert all(uuid.UUID(each).version == 4 and uuid.UUID(each).variant == uuid.RFC_4122 for each in ids)
    assert len(set(ids)) == 3 and Workflow("w", id="nightly").id == "nightly"


def test_mistakes_are_told():
    workflow = Workflow("w")
    workflow.add_task(Task("a", TaskType.TEXT, id="x"))
    with pytest.raises(ValueError, match="already"):
        workflow.add_task(Task("b", TaskType.TEXT, id="x"))
    with pytest.raises(ValueError, match="no_such_type"):
        TaskType("no_such_type")
    assert TaskType("ollama_vision") is TaskType.VISION
    # A text in the place of a list is one name.
    assert workflow.add_text_task("c", "p", dependencies="a").dependencies == ["a"]


def test_an_image_of_this_machine_travels_along(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    workflow = Workflow("w")
    here = workflow.add_vision_task("here", "What?", str(tmp_path / "a.png"))
    there = workflow.add_vision_task("there", "What?", "only/on/the/server.png")
    assert here.parameters.to_dict() == {"prompt": "What?", "base64": "iVBORw=="}
    assert there.parameters.to_dict() == {"prompt": "What?", "image_path": "only/on/the/server.png"}
