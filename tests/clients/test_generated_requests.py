"""Requests that nobody would write, generated from the description: no answer is a 5xx, none is undescribed."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from conftest import TOKEN, House
from support.contract import ROOT
from support.rest import until
from support.server import Server

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
# One ends the server, one never ends, one sends to receivers outside; lines and archives are no JSON.
LEFT_OUT = ["shut_down", "follow_events", "test_webhook", "submit_workflows", "back_up"]
# For each operation; `tests/run --long` asks for more.
EXAMPLES = int(os.environ.get("GLEITZEIT_GENERATED_EXAMPLES", "12"))
# Whoever asks to wait for the end of a workflow that waits for nobody waits long.
IMPATIENT = """[parameters]
"header.Prefer" = "wait=0"
"""
WAITS = {"name": "Waits", "external": "custom", "service": "nobody", "external_parameters": {"n": 1}}


@pytest.fixture
async def house(tmp_path):
    server = await Server(tmp_path, token=TOKEN).start()
    house = House(server)
    yield house
    await house.close()
    code, _ = await server.stop()
    assert code == 0 and "panicked at" not in server.log()


async def generated(house: House, folder: Path, examples: int, token: str | None, config: str = "") -> int:
    """How many requests were made; none of them may have found anything."""
    settings = folder / "schemathesis.toml"
    settings.write_text(IMPATIENT + config)
    command = [str(Path(sys.executable).parent / "st"), "--config-file", str(settings), "run"]
    command += [str(ROOT / "docs" / "openapi.json"), "--url", house.url, "--checks", ",".join(CHECKS)]
    command += ["--phases", "examples,coverage,fuzzing", "-n", str(examples), "--seed", "17", "--no-color"]
    command += ["--generation-database", "none", "--request-timeout", "60", "--suppress-health-check", "all"]
    command += ["--continue-on-failure", "--warnings", "off"]
    for operation in LEFT_OUT:
        command += ["--exclude-operation-id", operation]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder
    )
    try:
        out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    told = out.decode(errors="replace")
    assert process.returncode == 0, told[-8_000:]
    found = re.search(r"(\d+) generated, (\d+) passed", told)
    assert found and found[1] == found[2], told[-8_000:]
    return int(found[1])


@pytest.mark.timeout(1800)
async def test_generated_requests_are_answered_as_described(house, tmp_path):
    assert await generated(house, tmp_path, EXAMPLES, TOKEN) >= 2_000
    assert (await house.api.get("/stats"))["log"]["read_only"] is False


@pytest.mark.timeout(1800)
async def test_generated_requests_about_what_exists(house, tmp_path):
    """The same with ids that are known, so that they get further than 404."""
    workflow = await house.api.submit([WAITS, {"function": "decode_base64", "args": ["no!"], "max_retries": 0}])
    hook = await house.api.post("/webhooks", json={"url": "https://hooks.example/", "events": ["workflow.failed"]})
    task = (await house.api.tasks(workflow))["Waits"]["id"]
    worker = await house.worker("generated", token=TOKEN)
    await until(lambda: known(house, worker.node_id), 30, "a registration")
    ids = {"workflows": workflow, "tasks": task, "webhooks": hook["id"], "services": worker.node_id}
    config = "".join(
        f'[[operations]]\ninclude-path-regex = "^/api/v1/{noun}/[{{]"\nparameters = {{ "path.id" = "{known}" }}\n'
        for noun, known in ids.items()
    )
    assert await generated(house, tmp_path, EXAMPLES // 2, TOKEN, config) >= 1_000
    found = await house.api.get(f"/workflows/{workflow}")
    assert found["id"] == workflow


@pytest.mark.timeout(1800)
async def test_generated_requests_without_a_token(house, tmp_path):
    # Wrong keys are among what is generated, and close the address to the token, which could be guessed.
    await house.api.post("/users", json={"name": "looks", "role": "readonly"})
    key = await house.api.post("/keys", json={"user": "looks", "name": "after", "role": "readonly"})
    assert await generated(house, tmp_path, EXAMPLES // 4, None) >= 1_000
    found = await house.api.get("/workflows", headers={"Authorization": f"Bearer {key['secret']}"})
    assert found["items"] == [], "somebody without a token has stored something"


async def known(house: House, node_id: str) -> bool:
    return node_id in [service["id"] for service in (await house.api.get("/services"))["items"]]
