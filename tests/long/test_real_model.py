"""Text tasks on a real model server: llama.cpp behind OpenAI's chat completions, with a model of random weights."""

import asyncio
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import aiohttp
import pytest
import socketio
from support.server import Server

HERE = Path(__file__).resolve().parent
# Generous: the server imports its world on a loaded machine.
START_SECONDS = 120
END_SECONDS = 120
TOKENS = 24


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The address of a model server that is ready."""
    folder = tmp_path_factory.mktemp("model")
    python = os.environ.get("GLEITZEIT_MODELS_PYTHON", str(HERE.parents[1] / ".venv-models" / "bin" / "python"))
    path = folder / "tiny.gguf"
    subprocess.run([python, str(HERE / "tiny_model.py"), str(path)], check=True)
    port = free_port()
    command = [python, "-m", "llama_cpp.server", "--model", str(path), "--model_alias", "tiny", "--n_ctx", "512"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--chat_format", "chatml", "--n_threads", "1"]
    # Otherwise each request, be it a look at its models, cuts off the answer to the one before.
    command += ["--interrupt_requests", "false"]
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/v1/models", process, folder / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, f"the model server has ended:\n{log.read_text(errors='replace')}"
            time.sleep(0.2)
    raise AssertionError(f"no model server within {START_SECONDS} s:\n{log.read_text(errors='replace')}")


class House:
    """The real binary with this model as its only endpoint."""

    def __init__(self, folder: Path, model: str):
        config = f"""
            [models]
            health_interval_seconds = 0.2
            [[models.endpoints]]
            name = "llama"
            kind = "openai"
            url = "{model}"
            concurrency = 2
        """
        self.server = Server(folder, config=config)

    async def __aenter__(self) -> "House":
        await self.server.start()
        self.session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_) -> None:
        await self.session.close()
        await self.server.kill()

    async def call(self, method: str, path: str, body: dict | None = None) -> dict:
        async with self.session.request(method, f"{self.server.url}/api/v1{path}", json=body) as response:
            answer = await response.json()
            assert response.status < 300, answer
            return answer

    async def submit(self, *parameters: dict) -> str:
        tasks = [{"task_type": "text", "parameters": {"model_name": "tiny", **one}} for one in parameters]
        return (await self.call("POST", "/workflows", {"name": "w", "tasks": tasks}))["id"]

    async def ended(self, task: str) -> dict:
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            found = await self.call("GET", f"/tasks/{task}")
            if found["status"] in ("completed", "failed", "cancelled", "skipped"):
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"{task} has not ended: {await self.call('GET', f'/tasks/{task}/why')}")

    async def run(self, **parameters) -> dict:
        return await self.ended(f"{await self.submit(parameters)}.0")


async def test_a_question_is_answered_and_repeats_itself_at_temperature_0(tmp_path, model):
    async with House(tmp_path, model) as house:
        asked = {"prompt": "Name one river.", "system_prompt": "Be short.", "temperature": 0, "max_tokens": TOKENS}
        first, second = await house.run(**asked), await house.run(**asked)
        assert first["status"] == "completed", first
        assert isinstance(first["result"], str) and first["result"]
        assert first["result"] == second["result"]
        assert (first["usage"]["model"], first["usage"]["endpoint"]) == ("tiny", "llama")
        # Every token of this model is at most one character.
        assert len(first["result"]) <= TOKENS
        longer = await house.run(**{**asked, "max_tokens": 4 * TOKENS})
        assert longer["result"].startswith(first["result"][:TOKENS // 2])


async def test_a_conversation_is_answered(tmp_path, model):
    async with House(tmp_path, model) as house:
        messages = [
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": "Two."},
            {"role": "user", "content": "Three?"},
        ]
        task = await house.run(messages=messages, max_tokens=TOKENS)
        assert task["status"] == "completed" and isinstance(task["result"], str), task


async def test_many_questions_are_all_answered(tmp_path, model):
    async with House(tmp_path, model) as house:
        workflow = await house.submit(*[{"prompt": f"Question {n}?", "max_tokens": TOKENS} for n in range(30)])
        tasks = [await house.ended(f"{workflow}.{n}") for n in range(30)]
        assert [task["status"] for task in tasks] == ["completed"] * 30, tasks


async def test_an_unknown_model_is_named(tmp_path, model):
    async with House(tmp_path, model) as house:
        task = await house.run(prompt="?", model_name="tini")
        assert task["error"]["code"] == "GZ2011", task
        assert "did you mean `tiny`?" in task["error"]["message"], task


async def test_tokens_are_seen_and_a_cancel_frees_the_model(tmp_path, model):
    async with House(tmp_path, model) as house:
        client, pieces = socketio.AsyncClient(), []

        @client.on("watch:frame", namespace="/cluster")
        async def frame(told):
            pieces.extend(one["data"] for one in told["progress"] if "data" in one)

        await client.connect(house.server.url, namespaces=["/cluster"])
        try:
            await client.call("watch", {}, namespace="/cluster")
            # The end of this one is far away: the random model hardly ever chooses to end.
            workflow = await house.submit({"prompt": "Tell me all.", "max_tokens": 400, "temperature": 1.5})
            task = await house.ended(f"{workflow}.0")
            assert task["status"] == "completed", task
            for _ in range(50):
                if "".join(piece["text"] for piece in pieces) == task["result"]:
                    break
                await asyncio.sleep(0.05)
            assert "".join(piece["text"] for piece in pieces) == task["result"]
            assert len(pieces) > 1 and pieces[0]["offset"] == 0, pieces

            both = await house.submit(*[{"prompt": "Tell me all.", "max_tokens": 400, "temperature": 1.5}] * 4)
            await house.call("POST", f"/workflows/{both}/cancel", {})
            after = await house.run(prompt="Are you free?", max_tokens=4)
            assert after["status"] == "completed", after
        finally:
            await client.disconnect()
