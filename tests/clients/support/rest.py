"""A caller of the REST interface."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from .patience import PATIENCE, until
from .tls import trusting

ENDED = {"completed", "failed", "cancelled"}


@dataclass
class Answer:
    status: int
    headers: Any
    body: Any


class Api:
    def __init__(self, url: str, token: str | None = None, ca: Path | None = None):
        self.base = f"{url}/api/v1"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        limit = aiohttp.ClientTimeout(total=PATIENCE)
        self.session = aiohttp.ClientSession(headers=headers, timeout=limit, connector=trusting(ca) if ca else None)

    async def close(self) -> None:
        await self.session.close()

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        async with self.session.request(method, self.base + path, **options) as response:
            text = await response.text()
            body = await response.json(content_type=None) if text else None
            return Answer(response.status, response.headers, body)

    async def get(self, path: str, **options: Any) -> Any:
        answer = await self.ask("GET", path, **options)
        assert answer.status == 200, f"GET {path}: {answer.status} {answer.body}"
        return answer.body

    async def post(self, path: str, **options: Any) -> Any:
        answer = await self.ask("POST", path, **options)
        assert 200 <= answer.status < 300, f"POST {path}: {answer.status} {answer.body}"
        return answer.body

    async def submit(self, tasks: list[dict], **fields: Any) -> str:
        """Submits and gives the workflow's id."""
        body = {"name": fields.pop("name", "wire test"), "tasks": tasks, **fields}
        answer = await self.ask("POST", "/workflows", json=body)
        assert answer.status == 201, f"{answer.status} {answer.body}"
        assert answer.headers["Location"].endswith(answer.body["id"])
        return answer.body["id"]

    async def status(self, workflow: str) -> str:
        return (await self.get(f"/workflows/{workflow}"))["status"]

    async def ended(self, workflow: str, seconds: float = PATIENCE) -> dict:
        """The results, once the workflow has ended."""
        await until(lambda: self._has_ended(workflow), f"end of {workflow}", self.explain(workflow), seconds)
        return await self.get(f"/workflows/{workflow}/results")

    async def completed(self, workflow: str, seconds: float = PATIENCE) -> dict:
        """The results by name of a workflow that must complete."""
        results = await self.ended(workflow, seconds)
        assert results["status"] == "completed", results
        return results["results"]

    async def _has_ended(self, workflow: str) -> bool:
        return await self.status(workflow) in ENDED

    def explain(self, workflow: str):
        async def tell() -> str:
            lines = [f"{t.get('name')}: {t['status']}" for t in (await self.tasks(workflow)).values()]
            return "; ".join(lines[:20])

        return tell

    async def tasks(self, workflow: str) -> dict[str, dict]:
        """All tasks, page by page, by name (by id where there is none)."""
        found: dict[str, dict] = {}
        cursor = None
        while True:
            page = await self.get(f"/workflows/{workflow}/tasks", params={"cursor": cursor} if cursor else {})
            found.update({task.get("name") or task["id"]: task for task in page["items"]})
            cursor = page["next_cursor"]
            if not cursor:
                return found

    async def task_status(self, workflow: str, name: str) -> str:
        return (await self.tasks(workflow))[name]["status"]

    async def why(self, workflow: str, name: str) -> str:
        """The whole answer as text: tests look for what it must name."""
        task = (await self.tasks(workflow))[name]
        return str(await self.get(f"/tasks/{task['id']}/why"))

    async def events(self, workflow: str) -> list[dict]:
        """Every logged fact of a workflow, page by page."""
        found: list[dict] = []
        params: dict[str, Any] = {}
        while True:
            page = await self.get(f"/workflows/{workflow}/events", params=params)
            found += page["items"]
            if not page.get("next_cursor"):
                return found
            params = {"cursor": page["next_cursor"]}
