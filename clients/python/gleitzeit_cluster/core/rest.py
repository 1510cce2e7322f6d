"""The REST interface of the server."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, AsyncIterator, Dict, Optional
from urllib.parse import quote, urlsplit

import httpx

from ..node.reports import encode
from .errors import (
    DENIED,
    KEY_HINT,
    RATE_LIMITED,
    ApiError,
    NotAGleitzeitServer,
    NotFound,
    PermissionDenied,
    ServerTooOld,
    ServerUnreachable,
    TokenRefused,
    WaitTimeout,
)
from .result import WorkflowStatus
from .trust import distrust, trusted

# The oldest server that has what this package asks for.
OLDEST_SERVER = (0, 1)

# A short workflow is noticed soon, and a long one costs the server one cheap request a second.
FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 1.0
# Who waits for a workflow without a limit is told when the server has been away for so long.
OUTAGE_SECONDS = 300.0
# The server holds an answer back for 300 s at most; proxies between are less patient.
HELD_BACK_SECONDS = 25
# A server that is overloaded, or restarts, is given so long to take a workflow.
REPEAT_SECONDS = 20.0
REPEAT_PAUSE_SECONDS = 0.25


class RestClient:
    """One method for each thing that the package needs; `request` for everything else."""

    def __init__(self, url: str, token: Optional[str] = None, timeout: float = 60.0):
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # A proxy of the environment is not meant for this machine.
        trust_env = not is_loopback(self.url)
        limits = httpx.Timeout(timeout, connect=5.0)
        self._http = httpx.AsyncClient(headers=headers, timeout=limits, trust_env=trust_env, verify=trusted() or True)

    async def close(self) -> None:
        await self._http.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Optional[Dict[str, Any]] = None,
        body: Any = None,
        headers: Optional[Dict[str, str]] = None,
    ) -> Any:
        """The answer's JSON. A refusal is an `ApiError`, silence a `ServerUnreachable`. Where a key has a rate, what
        came too early is sent again when the server says so."""
        content = None if body is None else encode(body).encode()
        sent = dict(headers or {})
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        given = {key: value for key, value in (params or {}).items() if value is not None}
        give_up = time.monotonic() + REPEAT_SECONDS
        while True:
            try:
                answer = await self._http.request(method, self.url + path, params=given, content=content, headers=sent)
            except httpx.TransportError as error:
                raise unreachable(self.url, error) from None
            try:
                return self._read(answer)
            except ApiError as error:
                if error.code != RATE_LIMITED or time.monotonic() > give_up:
                    raise
                await asyncio.sleep(_seconds(error.problem.get("retry_after")))

    def _read(self, answer: httpx.Response) -> Any:
        try:
            read = json.loads(answer.content) if answer.content else None
        except ValueError:
            read = None
        if answer.status_code < 300:
            return read
        problem: Dict[str, Any] = read if isinstance(read, dict) else {"detail": answer.text[:500]}
        if answer.status_code == 401:
            reason = problem.get("detail") or answer.status_code
            raise TokenRefused(f"{self.url} refused the key: {reason}. {KEY_HINT}", problem.get("code"))
        if problem.get("code") == DENIED:
            raise PermissionDenied(answer.status_code, problem)
        if answer.status_code == 404 and problem.get("code"):
            raise NotFound(404, problem)
        problem.setdefault("retry_after", answer.headers.get("Retry-After"))
        raise ApiError(answer.status_code, problem)

    async def health(self) -> Dict[str, Any]:
        """Who answers at the address, checked to be a server that this package understands."""
        try:
            answer = await self._http.get(self.url + "/health")
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from None
        try:
            health = json.loads(answer.content)
            version = str(health["version"])
        except (ValueError, TypeError, KeyError):
            raise NotAGleitzeitServer(
                f"{self.url} is answered by another program (status {answer.status_code} to /health). Give the address "
                "of the server, or choose another port for it"
            ) from None
        if _numbers(version)[:2] < OLDEST_SERVER:
            oldest = ".".join(str(number) for number in OLDEST_SERVER)
            raise ServerTooOld(
                f"the server at {self.url} has version {version}; this package needs {oldest} or later. Update it"
            )
        return dict(health)

    async def submit(self, body: Dict[str, Any], wait_seconds: int = 0) -> Dict[str, Any]:
        """Stores a workflow. It has an `id`, so that it may be repeated: while the server is overloaded, and when the
        answer was lost."""
        headers = {"Prefer": f"wait={wait_seconds}"} if wait_seconds else None
        give_up = time.monotonic() + wait_seconds + REPEAT_SECONDS
        while True:
            try:
                return dict(await self.request("POST", "/api/v1/workflows", body=body, headers=headers))
            except ServerUnreachable:
                if time.monotonic() > give_up:
                    raise
                await asyncio.sleep(REPEAT_PAUSE_SECONDS)
            except ApiError as error:
                if error.status != 503 or time.monotonic() > give_up:
                    raise
                await asyncio.sleep(_seconds(error.problem.get("retry_after")))

    async def workflow(self, workflow_id: str) -> Dict[str, Any]:
        return dict(await self.request("GET", f"/api/v1/workflows/{_in_path(workflow_id)}"))

    async def results(self, workflow_id: str) -> Dict[str, Any]:
        return dict(await self.request("GET", f"/api/v1/workflows/{_in_path(workflow_id)}/results"))

    async def task(self, task_id: str) -> Dict[str, Any]:
        return dict(await self.request("GET", f"/api/v1/tasks/{_in_path(task_id)}"))

    async def why(self, task_id: str) -> Dict[str, Any]:
        return dict(await self.request("GET", f"/api/v1/tasks/{_in_path(task_id)}/why"))

    async def items(self, path: str, params: Optional[Dict[str, Any]] = None) -> AsyncIterator[Dict[str, Any]]:
        """Every item of a list, page by page."""
        given = dict(params or {})
        while True:
            page = await self.request("GET", path, params=given)
            for item in page["items"]:
                yield item
            if not page.get("next_cursor"):
                return
            given["cursor"] = page["next_cursor"]
            given.pop("since", None)

    async def wait_for(self, workflow_id: str, timeout: Optional[float] = None) -> Dict[str, Any]:
        """Waits until a workflow has ended. A server that restarts meanwhile is waited for."""
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        pause = FIRST_PAUSE_SECONDS
        heard = loop.time()
        while True:
            try:
                found = await self.workflow(workflow_id)
                heard = loop.time()
                if WorkflowStatus(found["status"]).has_ended:
                    return found
            except ServerUnreachable:
                if loop.time() - heard > OUTAGE_SECONDS:
                    raise
            except ApiError as error:
                if error.status not in (502, 503, 504):
                    raise
            if deadline is not None and loop.time() + pause > deadline:
                raise WaitTimeout(f"workflow {workflow_id} has not ended within {timeout} s; it goes on")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def unreachable(url: str, error: BaseException) -> ServerUnreachable:
    distrusted = distrust(url, error)
    if distrusted is not None:
        return distrusted
    words = str(error) or type(error).__name__
    return ServerUnreachable(
        f"no Gleitzeit server answers at {url} ({words}). Start one with `gleitzeit serve`, or give its address: "
        "url=..., or GLEITZEIT_URL in the environment"
    )


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split("-")[0].split(".")
    return tuple(int(part) if part.isdigit() else 0 for part in (*parts, "0"))


def _seconds(value: Any) -> float:
    try:
        return min(max(float(value), 0.05), 10.0)
    except (TypeError, ValueError):
        return 1.0


def _in_path(text: str) -> str:
    return quote(text, safe="")
