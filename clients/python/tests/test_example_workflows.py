"""Every workflow in `examples/workflows` runs, on the services that it names, from the command line as its head says."""

import asyncio
import json
import re
import shutil
import subprocess

import pytest

from conftest import REPOSITORY
from model import Model
from programs import Running, environment, free_port
from support.patience import until
from support.server import Server, binary

EXAMPLES = REPOSITORY / "examples"
WORKFLOWS = EXAMPLES / "workflows"
PROCESS_SECONDS = 120


class Village:
    """A server with all that its users may configure: models, a files root, loopback for requests."""

    def __init__(self, folder):
        self.folder = folder
        self.models = [Model("llama3.2"), Model("llava", answer=lambda _: "blue yellow")]

    async def __aenter__(self) -> "Village":
        for model in self.models:
            await model.start()
        files = self.folder / "files"
        shutil.copytree(EXAMPLES / "data", files)
        config = "".join(model.config().replace("scripted", model.name) for model in self.models)
        args = ("--files-root", str(files), "--http-allow", "127.0.0.0/8")
        self.server = await Server(self.folder, config=config, args=args).start()
        return self

    async def __aexit__(self, *_) -> None:
        await self.server.stop()
        for model in self.models:
            await model.stop()

    def service(self, script: str, **more: str) -> Running:
        more = {"GLEITZEIT_URL": self.server.url, "MODELS": str(self.folder / "models"), **more}
        return Running(str(EXAMPLES / script), folder=self.folder, **more)

    async def run(self, name: str, *replaced: "tuple[str, str]") -> dict:
        """What `gleitzeit run` prints of this example; addresses of the example are those of the test instead."""
        text = (WORKFLOWS / f"{name}.yaml").read_text(encoding="utf-8")
        for old, new in (("http://127.0.0.1:8000", self.server.url), *replaced):
            text = text.replace(old, new)
        command = [binary(), "run", "-q", "-o", "json", "--url", self.server.url, "-"]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            input=text,
            capture_output=True,
            text=True,
            timeout=PROCESS_SECONDS,
            env=environment(),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        answer = json.loads(done.stdout)
        assert answer["status"] == "completed", answer
        return answer["results"]


@pytest.fixture
async def village(tmp_path):
    async with Village(tmp_path) as village:
        yield village


async def test_functions_http_and_files(village):
    results = await village.run("function")
    assert (results["Measure"]["sum"], results["Factors"]) == (44, [2, 2, 11])
    assert sum(each["count"] for each in results["Draw"]["bins"]) == 11

    results = await village.run("http")
    functions, missing, validated = (results[name] for name in ("Functions", "Missing", "Validate"))
    assert functions["status_code"] == 200 and len(functions["json"]["items"]) > 30
    assert missing["status_code"] == 404 and missing["json"]["code"] == "GZ3002"
    assert validated["status_code"] == 200 and validated["json"]["valid"] is True

    results = await village.run("file")
    written = village.folder / "files/out/petals.json"
    # The same to the last digit, although the numbers have been read and written several times.
    assert json.loads(written.read_text()) == results["Petals"]["numeric_stats"]
    assert [entry["name"] for entry in results["Look"]["entries"]] == ["petals.json"]


async def test_text_vision_and_batch(village):
    text, pictures = village.models
    results = await village.run("text")
    assert results["Simplify"].startswith(
        "An answer to: Say this so that a child understands it: An answer to: What is"
    )
    assert 0 < results["Compare"]["jaccard_similarity"] < 1

    results = await village.run("vision")
    assert pictures.images == 1 and results["Look"] == "blue yellow" and results["Words"]["total_words"] == 2

    before = len(text.prompts)
    results = await village.run("batch")
    assert {"process_0", "process_1", "aggregate_results"} <= set(results)
    prompts = text.prompts[before:]
    assert len(prompts) == 2 and any("iris.csv" in prompt and "virginica" in prompt for prompt in prompts)


async def test_services(village):
    services = (
        village.service("external_ml_service.py"),
        village.service("external_api_service.py", API_BASE_URL=village.server.url),
        village.service("external_database_service.py", DATABASE=str(village.folder / "results.db")),
        village.service("external_processing_service.py"),
        village.service("service_without_sdk.py"),
    )
    for service in services:
        service.__enter__()
    try:
        results = await village.run("external_ml")
        assert results["Train"]["n_test"] == 45 and results["Predict"]["accuracy"] > 0.85
        results = await village.run("external_api")
        assert results["Functions"]["status_code"] == 200 and results["Validate"]["response"]["valid"] is True
        results = await village.run("external_database")
        assert results["Ask"] == {"rows": [{"name": "Ada"}], "count": 1}
        results = await village.run("external_processing")
        assert results["Clean"]["dropped"] == 1
        assert [each["name"] for each in results["Clean"]["records"]] == ["Ada Lovelace", "Grace Hopper"]
        assert set(results["Count"]) == {"London", "New York"}
        results = await village.run("external_custom")
        assert results == {"Count": {"letters": 9}, "Again": {"letters": 9}}
    finally:
        for service in services:
            service.__exit__()


async def test_the_webhook_and_its_receiver(village):
    port = str(free_port())
    secret = re.search(r"whsec_\S+", (WORKFLOWS / "external_webhook.yaml").read_text(encoding="utf-8"))[0]
    with village.service("webhook_receiver.py", PORT=port, WEBHOOK_SECRET=secret) as receiver:

        async def listens() -> bool:
            return "listening" in receiver.output()

        await until(listens, "the receiver listens")
        results = await village.run("external_webhook", ("127.0.0.1:9000", f"127.0.0.1:{port}"))
        assert results["Print"] == {"pages": 3}
        # Somebody else's secret: the receiver refuses, and the refusal is the task's error.
        text = (WORKFLOWS / "external_webhook.yaml").read_text(encoding="utf-8").replace(":9000", f":{port}")
        forged = village.folder / "forged.yaml"
        forged.write_text(text.replace(secret, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))
        command = [binary(), "run", "-q", "-o", "json", "--url", village.server.url, str(forged)]
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=PROCESS_SECONDS, env=environment()
        )
        assert done.returncode == 3 and json.loads(done.stdout)["errors"]["Print"]["code"] == "GZ2060", done.stdout


async def test_workflows_that_need_nothing(village):
    assert (await village.run("chain")) and (await village.run("fan_out_fan_in"))


def test_each_type_of_task_has_its_example():
    have = {path.stem for path in WORKFLOWS.glob("*.yaml")}
    internal = {"text", "vision", "function", "http", "file", "batch"}
    external = {f"external_{kind}" for kind in ("ml", "api", "database", "processing", "webhook", "custom")}
    assert internal | external <= have
