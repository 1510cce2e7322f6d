"""Every example in Python runs, on real things."""

import re
import sqlite3
from pathlib import Path

import pytest
from aiohttp import web

from gleitzeit_cluster import GleitzeitCluster

from conftest import PACKAGE, REPOSITORY, House
from model import Model
from programs import Running, free_port, run
from support.patience import PATIENCE, until
from support.server import Server

EXAMPLES = REPOSITORY / "examples"


class Example(Running):
    """A service of the examples, connected to the server of a test."""

    def __init__(self, name: str, house: House, folder: Path, **more: str):
        super().__init__(str(EXAMPLES / name), folder=folder, GLEITZEIT_URL=house.url, **more)


async def connected(house, name: str) -> None:
    async def there() -> bool:
        return any(each["name"] == name and each["connected"] for each in (await house.api.get("/services"))["items"])

    await until(there, f"{name} is connected")


async def test_the_ml_service_trains_on_real_plants_and_predicts(house, tmp_path):
    with Example("external_ml_service.py", house, tmp_path, MODELS=str(tmp_path / "models")):
        await connected(house, "ML Service")
        async with GleitzeitCluster(house.url, start_server=False) as cluster:
            workflow = cluster.create_workflow("Iris")
            for kind in ("random_forest", "logistic_regression"):
                data = {"csv": "iris.csv", "target": "species", "seed": 1936}
                workflow.add_external_ml_task(f"Train {kind}", "ML Service", "train", {"model_type": kind}, data)
                workflow.add_external_ml_task(
                    f"Predict {kind}",
                    "ML Service",
                    "predict",
                    {"model_id": f"{{{{Train {kind}.result.model_id}}}}"},
                    {"records": f"{{{{Train {kind}.result.test_records}}}}"},
                )
            results = (await cluster.execute_workflow(workflow, timeout=PATIENCE)).raise_for_status().results
            for kind in ("random_forest", "logistic_regression"):
                trained, predicted = results[f"Train {kind}"], results[f"Predict {kind}"]
                assert trained["classes"] == ["setosa", "versicolor", "virginica"]
                assert (trained["n_train"], trained["n_test"], len(trained["cross_validation"])) == (105, 45, 5)
                assert 0.85 < trained["accuracy"] == predicted["accuracy"] <= 1.0
                assert len(predicted["predictions"]) == 45 and min(predicted["confidences"]) > 1 / 3
            broken = cluster.create_workflow("Mistakes")
            broken.add_external_ml_task("Unknown", "ML Service", "predict", {"model_id": "../x"}, {"records": [{}]})
            broken.add_external_ml_task("No data", "ML Service", "train", {}, {})
            broken.add_external_ml_task("Wrong", "ML Service", "train", {"no_such": 1}, {"csv": "iris.csv"})
            failed = await cluster.execute_workflow(broken, timeout=PATIENCE)
            assert "no model" in failed.errors["Unknown"] and "neither" in failed.errors["No data"]
            assert "does not take" in failed.errors["Wrong"]


async def test_the_database_service_stores_once_and_answers(house, tmp_path):
    database = tmp_path / "results.db"
    with Example("external_database_service.py", house, tmp_path, DATABASE=str(database)):
        await connected(house, "Database Service")
        async with GleitzeitCluster(house.url, start_server=False) as cluster:
            workflow = cluster.create_workflow("Rows")
            rows = [{"name": "Ada", "born": 1815}, {"name": "Grace", "born": 1906}]
            store = {"table": "people", "rows": rows}
            workflow.add_external_database_task("Store", "Database Service", "store", store)
            ask = {"sql": "select name from people where born < ?", "parameters": [1900]}
            workflow.add_external_database_task("Ask", "Database Service", "query", ask, dependencies=["Store"])
            results = (await cluster.execute_workflow(workflow, timeout=PATIENCE)).raise_for_status().results
            assert results["Store"] == {"table": "people", "stored": 2, "total_rows": 2}
            assert results["Ask"] == {"rows": [{"name": "Ada"}], "count": 1}
            broken = cluster.create_workflow("Mistakes")
            write = {"sql": "delete from people"}
            broken.add_external_database_task("Write", "Database Service", "query", write)
            inject = {"table": "people; drop table people", "rows": rows}
            broken.add_external_database_task("Inject", "Database Service", "store", inject)
            failed = await cluster.execute_workflow(broken, timeout=PATIENCE)
            assert "readonly" in failed.errors["Write"] and "no name" in failed.errors["Inject"]
    with sqlite3.connect(database) as connection:
        assert connection.execute("select count(*) from people").fetchone() == (2,)
        # Its key is kept with the rows, so that a second run of the same task adds nothing.
        key, _ = connection.execute("select * from gleitzeit_done").fetchone()
        assert key.startswith(workflow.id)


@pytest.fixture
async def interface():
    """What the API service calls. It is crowded at the first call."""
    calls: list = []

    async def handle(request: web.Request) -> web.Response:
        calls.append((request.method, request.path, request.headers.get("Idempotency-Key"), await request.text()))
        if request.path == "/crowded" and len([call for call in calls if call[1] == "/crowded"]) == 1:
            return web.Response(status=429, headers={"Retry-After": "1"})
        if request.path == "/missing":
            return web.Response(status=404, text="nothing here")
        return web.json_response({"n": len(calls), "header": request.headers.get("X-Team")})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", calls
    await runner.cleanup()


async def test_the_api_service_calls_and_comes_again_when_it_is_told(house, tmp_path, interface):
    url, calls = interface
    with Example("external_api_service.py", house, tmp_path, API_BASE_URL=url):
        await connected(house, "API Service")
        async with GleitzeitCluster(house.url, start_server=False) as cluster:
            workflow = cluster.create_workflow("Calls")
            workflow.add_external_api_task(
                "Post", "API Service", "/score", payload={"a": 1}, headers={"X-Team": "blue"}
            )
            workflow.add_external_api_task("Crowded", "API Service", "/crowded", "GET")
            workflow.add_external_api_task("Missing", "API Service", "/missing", max_retries=5)
            result = await cluster.execute_workflow(workflow, timeout=PATIENCE)
    assert result.results["Post"]["status_code"] == 200 and result.results["Post"]["response"]["header"] == "blue"
    assert result.results["Crowded"]["status_code"] == 200
    assert "nothing here" in result.errors["Missing"]
    assert len([call for call in calls if call[1] == "/missing"]) == 1, "a mistake is not repeated"
    first, second = [call for call in calls if call[1] == "/crowded"]
    assert first[2] == second[2] and first[2].startswith(workflow.id), "the same key for both tries"
    assert ("POST", "/score", '{"a":1}') in [(method, path, body) for method, path, _, body in calls]


async def test_the_demo_runs_the_whole_project(tmp_path):
    model = await Model(answer=lambda prompt: f"A paragraph. {prompt}").start()
    server = await Server(tmp_path, config=model.config()).start()
    try:
        demo = str(EXAMPLES / "external_task_demo.py")
        code, out, err = await run(demo, "--report-model", "llama3", folder=tmp_path, GLEITZEIT_URL=server.url)
    finally:
        await server.stop()
        await model.stop()
    assert code == 0, out + err
    assert "Hybrid ML Pipeline completed: 7 of 7 tasks" in out
    accuracy = float(re.search(r"accuracy ([0-9.]+) on 45 plants", out)[1])
    assert accuracy > 0.85
    receipt = re.search(r"^receipt (\S+)$", out, re.MULTILINE)[1]
    assert f"Its receipt is {receipt}" in out, "the report was made from the results"
    assert "fold 5 of 5" in out and "100 % of the workflow" in out


async def test_the_demo_starts_a_server_and_ends_it(tmp_path):
    url = f"http://127.0.0.1:{free_port()}"
    code, out, err = await run(str(EXAMPLES / "external_task_demo.py"), folder=tmp_path, GLEITZEIT_URL=url)
    assert code == 0 and "completed: 6 of 6 tasks" in out, out + err
    pid = int(re.search(r"process (\d+)", out)[1])
    assert not Path(f"/proc/{pid}").exists(), "its server has ended with it"


async def test_a_service_without_any_sdk(house, tmp_path):
    script = EXAMPLES / "service_without_sdk.py"
    assert len(script.read_text().splitlines()) <= 25
    with Example(script.name, house, tmp_path):
        await connected(house, "Counter")
        async with GleitzeitCluster(house.url, start_server=False) as cluster:
            workflow = cluster.create_workflow("Letters")
            workflow.add_external_task("Count", "count_letters", "Counter", {"text": "Gleitzeit"})
            workflow.add_external_task(
                "Again", "count_letters", external_parameters={"text": "{{Count.result.letters}}!"}
            )
            result = await cluster.execute_workflow(workflow, timeout=PATIENCE)
    assert dict(result.results) == {"Count": {"letters": 9}, "Again": {"letters": 2}}


async def test_the_earlier_check_of_external_tasks(house, tmp_path):
    code, out, err = await run(
        "examples/test_external_tasks.py", folder=PACKAGE, GLEITZEIT_URL=house.url, PYTHONPATH=""
    )
    assert code == 0 and "FAILED" not in out and out.count("ok    ") == 3, out + err
