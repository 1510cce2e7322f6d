"""The rules of the protocol, as the kit judges them, and the flood of tasks that measures a service."""

import asyncio
import json
import re
import subprocess
from pathlib import Path

import pytest

from conftest import PACKAGE
from programs import SECONDS, Running
from support.server import binary


class Kit:
    """`gleitzeit conformance`, on a port of its own."""

    def __init__(self, folder: Path, *options: str):
        self._folder, self._options = folder, options

    async def __aenter__(self) -> "Kit":
        command = [binary(), "conformance", "--listen", "127.0.0.1:0", "--json", *self._options]
        self._process = await asyncio.create_subprocess_exec(
            *command, cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.said: list = []
        while not (found := re.search(r"listening on (\S+?);?( |$)", "\n".join(self.said))):
            line = await asyncio.wait_for(self._process.stderr.readline(), SECONDS)
            assert line, self.said
            self.said.append(line.decode().rstrip())
        self.url = found[1]
        self._reading = asyncio.create_task(self._read())
        return self

    async def _read(self) -> None:
        while line := await self._process.stderr.readline():
            self.said.append(line.decode().rstrip())

    async def judged(self) -> dict:
        out = await asyncio.wait_for(self._process.stdout.read(), SECONDS)
        code = await asyncio.wait_for(self._process.wait(), SECONDS)
        return {"code": code, **json.loads(out)}

    async def __aexit__(self, *_) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self._reading.cancel()
        print("\n".join(self.said)[-3000:])


@pytest.mark.parametrize("how", ["async", "--blocking"])
async def test_a_flood_of_tasks_is_all_done(tmp_path, how):
    async with Kit(tmp_path, "--null", "--tasks", "5000") as kit:
        service = [str(PACKAGE / "bench" / "noop_service.py"), how]
        with Running(*service, folder=tmp_path, GLEITZEIT_URL=kit.url) as running:
            judged = await kit.judged()
            # It is told to leave, and does.
            assert await asyncio.to_thread(running.process.wait, SECONDS) == 0
    assert judged["code"] == 0, judged


async def test_every_rule_of_the_protocol_holds(tmp_path):
    async with Kit(tmp_path, "--patience", "120") as kit:
        service = str(PACKAGE / "tests" / "conformance_service.py")
        with Running(service, folder=tmp_path, GLEITZEIT_URL=kit.url) as running:
            judged = await kit.judged()
            assert await asyncio.to_thread(running.process.wait, SECONDS) == 0
    assert judged["code"] == 0 and judged["deviations"] == 0 and judged["not_applicable"] == 0, judged
