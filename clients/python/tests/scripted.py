"""A server that does what the test says: tests/clients/scripted_server.py, on python-socketio's own server."""

import asyncio
import json
import sys
from typing import Any

from conftest import REPOSITORY
from support.patience import PATIENCE

SCRIPT = REPOSITORY / "tests" / "clients" / "scripted_server.py"


class ScriptedServer:
    async def start(self) -> "ScriptedServer":
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, str(SCRIPT), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 26
        )
        self.inbox: list[dict] = []
        self._news = asyncio.Event()
        self.port = json.loads(await self._process.stdout.readline())["port"]
        self._reader = asyncio.create_task(self._read())
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _read(self) -> None:
        while line := await self._process.stdout.readline():
            self.inbox.append(json.loads(line))
            self._news.set()

    def do(self, what: str, **more: Any) -> None:
        self._process.stdin.write((json.dumps({"do": what, **more}) + "\n").encode())

    def assign(self, task_id: str, attempt: int = 1, **more: Any) -> None:
        data = {
            "task_id": task_id,
            "workflow_id": "w",
            "attempt": attempt,
            "task_type": "external_custom",
            "task_name": task_id,
            "external_task_type": "custom_processing",
            "external_parameters": {},
            "parameters": {},
            "timeout": 60,
        }
        self.do("emit", event="task:assign", data={**data, **more})

    async def next(self, event: str, **fields: Any) -> Any:
        """The first waiting or coming event of this name whose data has these fields; it leaves the inbox."""

        async def find() -> Any:
            while True:
                for place, line in enumerate(self.inbox):
                    data = line["data"]
                    if line["event"] == event and all(data.get(key) == value for key, value in fields.items()):
                        del self.inbox[place]
                        return data
                self._news.clear()
                await self._news.wait()

        try:
            return await asyncio.wait_for(find(), PATIENCE)
        except asyncio.TimeoutError:
            raise AssertionError(f"no {event} {fields}; waiting are {[line['event'] for line in self.inbox]}") from None

    def seen(self, event: str, **fields: Any) -> list:
        lines = [line["data"] for line in self.inbox if line["event"] == event]
        return [data for data in lines if all(data.get(key) == value for key, value in fields.items())]

    async def stop(self) -> None:
        self._reader.cancel()
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), PATIENCE)
