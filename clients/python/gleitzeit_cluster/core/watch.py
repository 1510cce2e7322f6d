"""Follows workflows and calls handlers about what happens to them."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

import socketio

from .errors import GleitzeitError, ServerUnreachable
from .rest import RestClient
from .trust import websocket_options

log = logging.getLogger("gleitzeit_cluster")

NAMESPACE = "/cluster"
ANSWER_SECONDS = 10
# After the end of a workflow its last handlers are waited for so long.
SETTLE_SECONDS = 10.0

EVENTS = (
    "workflow_started",
    "workflow_progress",
    "workflow_completed",
    "workflow_failed",
    "workflow_cancelled",
    "task_progress",
    "task_completed",
    "task_failed",
)

Handler = Callable[[Dict[str, Any]], Any]

ENDS = {
    "completed": "workflow_completed",
    "failed": "workflow_failed",
    "cancelled": "workflow_cancelled",
}
# What changes the share of tasks that have ended.
STEPS = {"task_completed", "task_failed", "task_skipped", "task_cancelled", "tasks_retried"}


class Watcher:
    """One connection, however many workflows are followed. What is missed while it is broken is read afterwards."""

    def __init__(self, rest: RestClient, token: Optional[str]):
        self._rest = rest
        self._token = token
        self._handlers: Dict[str, List[Handler]] = {}
        # The last position of each workflow that has been told.
        self._seen: Dict[str, int] = {}
        self._ended: Dict[str, asyncio.Event] = {}
        self._frames: asyncio.Queue[Tuple[str, Dict[str, Any]]] = asyncio.Queue()
        self._worker: Optional[asyncio.Task[None]] = None
        self._sio: Any = None

    @staticmethod
    def check(event: str) -> None:
        if event not in EVENTS:
            raise ValueError(f"there is no event {event!r}; there are {', '.join(EVENTS)}")

    def on(self, event: str, handler: Handler) -> None:
        self.check(event)
        self._handlers.setdefault(event, []).append(handler)

    @property
    def wanted(self) -> bool:
        return bool(self._handlers)

    async def follow(self, workflow_id: str) -> None:
        """From now on. A workflow may be followed before it is submitted, so that nothing is missed."""
        await self._connected()
        self._ended.setdefault(workflow_id, asyncio.Event())
        self._seen[workflow_id] = await self._watch(workflow_id)

    async def settled(self, workflow_id: str) -> None:
        """Waits until the handlers have been told of the end of a workflow that has ended."""
        ended = self._ended.get(workflow_id)
        if ended is not None:
            await asyncio.wait([asyncio.ensure_future(ended.wait())], timeout=SETTLE_SECONDS)

    async def close(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
        if self._sio is not None:
            await self._sio.shutdown()

    async def _connected(self) -> None:
        if self._sio is not None:
            return
        self._sio = socketio.AsyncClient(
            reconnection_delay=0.25,
            reconnection_delay_max=15,
            handle_sigint=False,
            websocket_extra_options={"max_msg_size": 64 * 1024 * 1024, **websocket_options()},
        )
        self._sio.on("connect", self._again, namespace=NAMESPACE)
        self._sio.on("watch:frame", self._frame, namespace=NAMESPACE)
        self._worker = asyncio.ensure_future(self._tell())
        try:
            await self._sio.connect(
                self._rest.url, namespaces=[NAMESPACE], transports=["websocket"], wait_timeout=ANSWER_SECONDS
            )
        except socketio.exceptions.SocketIOError as error:
            raise ServerUnreachable(f"workflows cannot be followed at {self._rest.url}: {error}") from None
        await self._authenticate()

    async def _authenticate(self) -> None:
        await self._call("authenticate", {"token": self._token or "", "client_type": "client"})

    async def _again(self) -> None:
        """After a reconnection: what happened meanwhile is read."""
        if not self._seen:
            return
        try:
            await self._authenticate()
            for workflow_id in list(self._seen):
                await self._watch(workflow_id)
                self._frames.put_nowait((workflow_id, {"gap": True, "events": []}))
        except (GleitzeitError, socketio.exceptions.SocketIOError) as error:
            log.warning("workflows cannot be followed: %s", error)

    async def _watch(self, workflow_id: str) -> int:
        answer = await self._call("watch", {"workflow_id": workflow_id})
        return int(answer.get("seq") or 0)

    async def _call(self, event: str, payload: Dict[str, Any]) -> Dict[str, Any]:
        answer = await self._sio.call(event, payload, namespace=NAMESPACE, timeout=ANSWER_SECONDS)
        if not isinstance(answer, dict) or not answer.get("ok"):
            given = answer if isinstance(answer, dict) else {}
            raise GleitzeitError(f"the server refused `{event}`: {given.get('message')}", given.get("code"))
        return answer

    async def _frame(self, frame: Dict[str, Any]) -> None:
        workflow_id = str(frame.get("workflow_id"))
        if workflow_id in self._seen:
            self._frames.put_nowait((workflow_id, frame))

    async def _tell(self) -> None:
        """Tells one thing after the other, so that handlers see them in their order."""
        while True:
            workflow_id, frame = await self._frames.get()
            try:
                await self._tell_frame(workflow_id, frame)
            except GleitzeitError as error:
                log.warning("what happened to workflow %s could not be read: %s", workflow_id, error)

    async def _tell_frame(self, workflow_id: str, frame: Dict[str, Any]) -> None:
        events = list(frame.get("events") or [])
        seen = self._seen.get(workflow_id, 0)
        if frame.get("gap") or int(frame.get("since") or 0) > seen + 1:
            path = f"/api/v1/workflows/{workflow_id}/events"
            events = [event async for event in self._rest.items(path, {"since": seen + 1})] + events
        kinds: Set[str] = set()
        for event in events:
            seq = int(event["seq"])
            if seq <= self._seen.get(workflow_id, 0):
                continue
            self._seen[workflow_id] = seq
            kinds.add(event["type"])
            if event["type"] != "workflow_ended" and event["type"] != "workflow_cancelled":
                await self._tell_event(workflow_id, event)
        self._seen[workflow_id] = max(self._seen.get(workflow_id, 0), int(frame.get("seq") or 0))
        for progress in frame.get("progress") or []:
            await self._emit("task_progress", {"workflow_id": workflow_id, **progress})
        if kinds & STEPS:
            await self._emit_progress(workflow_id)
        if kinds & {"workflow_ended", "workflow_cancelled"}:
            await self._tell_end(workflow_id)

    async def _tell_event(self, workflow_id: str, event: Dict[str, Any]) -> None:
        kind, task_id = event["type"], event.get("task_id")
        if kind == "workflow_submitted":
            told = {"workflow_id": workflow_id, "name": event.get("name"), "total_tasks": event.get("total_tasks")}
            await self._emit("workflow_started", told)
        elif kind == "task_completed" and "task_completed" in self._handlers:
            await self._emit("task_completed", _task(await self._rest.task(str(task_id))))
        elif kind == "task_failed" and event.get("final") and "task_failed" in self._handlers:
            await self._emit("task_failed", _task(await self._rest.task(str(task_id))))

    async def _emit_progress(self, workflow_id: str) -> None:
        if "workflow_progress" in self._handlers:
            found = await self._rest.workflow(workflow_id)
            await self._emit("workflow_progress", {"workflow_id": workflow_id, **found})

    async def _tell_end(self, workflow_id: str) -> None:
        results = await self._rest.results(workflow_id)
        event = ENDS.get(results["status"])
        if event is None:
            # Opened again by hand in the meantime.
            return
        await self._emit(event, results)
        self._seen.pop(workflow_id, None)
        ended = self._ended.pop(workflow_id, None)
        if ended is not None:
            ended.set()

    async def _emit(self, event: str, data: Dict[str, Any]) -> None:
        for handler in self._handlers.get(event, []):
            try:
                done = handler(json.loads(json.dumps(data)))
                if inspect.isawaitable(done):
                    await done
            except Exception:
                log.exception("the handler of %s has failed", event)


def _task(task: Dict[str, Any]) -> Dict[str, Any]:
    """What handlers of tasks are told."""
    error = task.get("error") or {}
    told = {
        "workflow_id": task["workflow_id"],
        "task_id": task["id"],
        "task_name": task["name"],
        "status": task["status"],
        "attempt": task["attempt"],
    }
    if error:
        told["error"], told["code"] = error.get("message"), error.get("code")
    else:
        told["result"] = task.get("result")
    return told
