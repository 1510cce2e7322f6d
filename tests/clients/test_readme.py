"""The service and the workflow of README.md, as they stand there."""

import asyncio
import os
import re
import sys
from pathlib import Path

from support.patience import PATIENCE
from support.server import binary

README = Path(__file__).resolve().parents[2] / "README.md"


def shown(name: str) -> str:
    """The block of the page that begins with the name of its file."""
    found = re.findall(rf"```\w+\n# {re.escape(name)}\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(found) == 1, f"README.md shows {name} {len(found)} times"
    return found[0]


async def ended(*command: str, env: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_the_workflow_of_the_page_runs_on_its_service(house, tmp_path):
    await runs(house, tmp_path)


async def test_the_service_of_the_page_shows_its_key(guarded_house, tmp_path):
    await runs(guarded_house, tmp_path, GLEITZEIT_TOKEN=guarded_house.server.token)


async def runs(house, tmp_path: Path, **settings: str) -> None:
    (tmp_path / "train.yaml").write_text(shown("train.yaml"))
    service = shown("service.py").replace("http://127.0.0.1:8000", house.url)
    assert house.url in service, "the service of the page connects somewhere else"
    (tmp_path / "service.py").write_text(service)
    env = {name: value for name, value in os.environ.items() if not name.startswith("GLEITZEIT_")}
    env |= settings
    serving = await asyncio.create_subprocess_exec(sys.executable, str(tmp_path / "service.py"), env=env)
    try:
        told = await ended(binary(), "run", str(tmp_path / "train.yaml"), "--url", house.url, env=env)
        assert "0.97" in told and "completed" in told, told
    finally:
        serving.kill()
        await serving.wait()
