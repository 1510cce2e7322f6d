"""The Quick Starts of the earlier documentation, as they stand there."""

import re
from pathlib import Path

import pytest

from gleitzeit_cluster import GleitzeitCluster

from conftest import House
from model import Model
from programs import Running, end, free_port, run
from support.patience import PATIENCE, until
from support.rest import Api
from support.server import Server

SCRIPTS = Path(__file__).parent / "quick_start"
SERVICE, WORKFLOW = SCRIPTS / "service.py", SCRIPTS / "workflow.py"


async def test_the_script_ends_and_its_workflow_waits_with_a_reason(tmp_path):
    """No server runs: the script starts one, which outlives it, and prints its address."""
    url = f"http://127.0.0.1:{free_port()}"
    code, out, err = await run(str(WORKFLOW), folder=tmp_path, GLEITZEIT_URL=url)
    assert code == 0 and err == "", err
    started = re.search(r"started a server at (\S+) \(process (\d+), log in (\S+)\)", out)
    assert started and started[1] == url, out
    try:
        api = Api(url)
        workflow = (await api.get("/workflows"))["items"][0]
        assert (workflow["name"], workflow["status"], workflow["total_tasks"]) == ("Hybrid ML Pipeline", "pending", 3)
        why = await api.why(workflow["id"], "Prepare Data")
        assert "prepare_dataset" in why, why
        assert "Prepare Data" in await api.why(workflow["id"], "Train Model")
        assert "Train Model" in await api.why(workflow["id"], "Generate Report")
        # The second run finds the server that the first one has left behind.
        code, out, _ = await run(str(WORKFLOW), folder=tmp_path, GLEITZEIT_URL=url)
        assert code == 0 and "started a server" not in out
        assert len((await api.get("/workflows"))["items"]) == 2
        await api.close()
    finally:
        end(int(started[2]))
        Path(started[3]).unlink()


@pytest.fixture
async def modelled(tmp_path):
    model = await Model(answer=lambda prompt: f"A report. {prompt}").start()
    server = await Server(tmp_path, config=model.config()).start()
    house = House(server)
    yield house, model
    await house.close()
    await server.stop()
    await model.stop()


async def test_with_function_service_and_model_it_completes(modelled, tmp_path):
    house, model = modelled
    service = tmp_path / "service.py"
    service.write_text(SERVICE.read_text().replace("http://localhost:8000", house.url))
    with Running(str(service), folder=tmp_path):
        code, out, err = await run(str(WORKFLOW), folder=tmp_path, GLEITZEIT_URL=house.url)
        assert (code, out, err) == (0, "", "")
        workflow = (await house.api.get("/workflows"))["items"][0]["id"]
        async with GleitzeitCluster(house.url, start_server=False) as cluster:
            cluster.register_python_function("prepare_dataset", lambda: [[x, 3 * x + 1] for x in range(10)])
            result = (await cluster.wait_for_workflow(workflow, timeout=PATIENCE)).raise_for_status()
    assert result.results["Prepare Data"][2] == [2, 7]
    trained = result.results["Train Model"]
    assert trained["model"] == "linear" and trained["n"] == 10
    assert abs(trained["slope"] - 3) < 1e-9 and abs(trained["intercept"] - 1) < 1e-9
    report = result.results["Generate Report"]
    assert report.startswith("A report. Model results: {") and '"n":10' in report and len(model.prompts) == 1


async def test_the_service_waits_for_a_server_that_is_not_there_yet(tmp_path):
    port = free_port()
    service = tmp_path / "service.py"
    service.write_text(SERVICE.read_text().replace("localhost:8000", f"127.0.0.1:{port}"))
    with Running(str(service), folder=tmp_path) as program:
        await until(lambda: "gleitzeit serve" in program.output(), "it says what is missing")
        server = Server(tmp_path)
        server.port = port
        await server.start()
        api = Api(server.url)

        async def registered() -> bool:
            services = (await api.get("/services"))["items"]
            return any(each["name"] == "ML Service" and each["connected"] for each in services)

        await until(registered, "it has found the server")
        await api.close()
        await server.stop()
