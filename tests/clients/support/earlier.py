"""A model of the earlier clients, which must connect unchanged.

What they do is what `Base` of the protocol describes: they ask for no acknowledgement and send none, know no
attempts, do not notice that they get a task twice, lose a result that is ready while the connection is down, come
back under the same `node_id`, and are over for good after `cluster:shutdown`.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import socketio

from .patience import PATIENCE, until
from .peer import NAMESPACE, WEBSOCKET
from .scripted import executor_registration, naive_now, service_registration

Handler = Callable[[dict, Callable[[int, str], Awaitable[None]]], Awaitable[Any]]


class EarlierClient:
    """The connection's life: hello, authenticate, register, heartbeat, and all of it again after a cut."""

    full = "Service at capacity"

    def __init__(
        self,
        url: str,
        name: str,
        handlers: dict[str, Handler],
        capacity: int = 10,
        node_id: str | None = None,
        token: str | None = "demo_token",
        heartbeat: float = 30.0,
        transports: tuple[str, ...] = WEBSOCKET,
        reconnect_after: float = 0.5,
    ):
        self.url, self.name, self.handlers, self.capacity = url, name, handlers, capacity
        self.node_id = node_id or f"{name}-{uuid.uuid4().hex[:8]}"
        self.token, self.heartbeat, self.transports = token, heartbeat, list(transports)
        self.active: dict[str, asyncio.Task] = {}
        self.completed = self.failed = 0
        self.begun = time.monotonic()
        # What the tests look at.
        self.assignments: list[dict] = []
        self.duplicates: list[str] = []
        self.lost: list[str] = []
        self.registrations = 0
        self.stopped_for_good = False
        self.authentication_error: str | None = None
        self._beat: asyncio.Task | None = None
        # They try ten times, 2 s apart and more; the tests wait less and try as often.
        self.sio = socketio.AsyncClient(
            reconnection=True, reconnection_attempts=10, reconnection_delay=reconnect_after, reconnection_delay_max=30
        )
        for event, handler in {
            "connected": self._connected,
            "authenticated": self._authenticated,
            "authentication_failed": self._refused,
            "task:assign": self._assign,
            "task:cancel": self._cancel,
            "cluster:shutdown": self._shutdown,
        }.items():
            self.sio.on(event, handler, namespace=NAMESPACE)

    @property
    def client_type(self) -> str:
        return "external_service"

    def registration(self) -> dict:
        raise NotImplementedError

    def beat(self) -> dict:
        raise NotImplementedError

    def handler_for(self, assignment: dict) -> Handler | None:
        return self.handlers.get(assignment["task_type"])

    async def start(self) -> "EarlierClient":
        await self.sio.connect(self.url, namespaces=[NAMESPACE], transports=self.transports, wait_timeout=PATIENCE)
        await until(lambda: self.registrations or self.authentication_error, f"{self.name} is welcomed")
        return self

    async def stop(self) -> None:
        if self._beat:
            self._beat.cancel()
        for running in self.active.values():
            running.cancel()
        await self.sio.disconnect()

    async def _connected(self, hello: dict) -> None:
        await self._say("authenticate", {
            "token": self.token,
            "client_type": self.client_type,
            "service_name": self.name,
            "client_id": self.node_id,
        })

    async def _authenticated(self, answer: dict) -> None:
        if not answer.get("success"):
            return
        await self._say("node:register", self.registration())
        # It waits for no answer to that.
        self.registrations += 1
        if self._beat is None:
            self._beat = asyncio.create_task(self._beats())

    async def _refused(self, answer: dict) -> None:
        self.authentication_error = answer["error"]

    async def _beats(self) -> None:
        while True:
            # The first one comes a whole interval late.
            await asyncio.sleep(self.heartbeat)
            await self._say("node:heartbeat", self.beat())

    async def _say(self, event: str, payload: dict) -> None:
        """What cannot be sent is lost, and nobody is told."""
        try:
            await self.sio.emit(event, payload, namespace=NAMESPACE)
        except socketio.exceptions.SocketIOError:
            self.lost.append(event)

    async def _assign(self, assignment: dict) -> None:
        self.assignments.append(assignment)
        task_id = assignment["task_id"]
        if len(self.active) >= self.capacity:
            await self._fail(assignment, self.full)
            return
        if task_id in self.active:
            # It starts a second handler and forgets the first one; the test must never see this.
            self.duplicates.append(task_id)
        self.active[task_id] = asyncio.create_task(self._run(assignment))

    async def _run(self, assignment: dict) -> None:
        names = {key: assignment[key] for key in ("task_id", "workflow_id")}
        try:
            handler = self.handler_for(assignment)
            if handler is None:
                raise LookupError(f"No handler registered for task type: {assignment['task_type']}")
            await self._say("task:accepted", {**names, "node_id": self.node_id})

            async def progress(percent: int, message: str) -> None:
                more = {"progress": percent, "message": message, "service_name": self.name}
                await self._say("task:progress", {**names, **more, "timestamp": naive_now()})

            result = await handler(assignment, progress)
            self.completed += 1
            more = {"result": result, "node_id": self.node_id, "service_name": self.name}
            await self._say("task:completed", {**names, **more, "timestamp": naive_now()})
        except asyncio.CancelledError:
            await self._fail(assignment, "Task cancelled")
        except Exception as error:  # whatever a handler raises is its task's error
            self.failed += 1
            await self._fail(assignment, str(error))
        finally:
            self.active.pop(assignment["task_id"], None)

    async def _fail(self, assignment: dict, error: str) -> None:
        await self._say("task:failed", {
            "task_id": assignment["task_id"],
            "workflow_id": assignment["workflow_id"],
            "error": error,
            "node_id": self.node_id,
            "service_name": self.name,
            "timestamp": naive_now(),
        })

    async def _cancel(self, request: dict) -> None:
        running = self.active.get(request["task_id"])
        if running:
            running.cancel()

    async def _shutdown(self, _: dict) -> None:
        self.stopped_for_good = True
        running = list(self.active.values())
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self.stop()


class EarlierService(EarlierClient):
    """An external service. Handlers are keyed by external task type, task type or capability."""

    def __init__(self, url: str, name: str, capabilities: list[str], handlers: dict[str, Handler], **options: Any):
        super().__init__(url, name, handlers, **options)
        self.capabilities = capabilities

    def registration(self) -> dict:
        return service_registration(self.node_id, self.name, self.capabilities, self.capacity)

    def handler_for(self, assignment: dict) -> Handler | None:
        for name in (assignment.get("external_task_type"), assignment["task_type"], *self.capabilities):
            if name in self.handlers:
                return self.handlers[name]
        return None

    def beat(self) -> dict:
        return {
            "node_id": self.node_id,
            "service_name": self.name,
            "status": "ready",
            "node_type": "external_service",
            "active_tasks": len(self.active),
            "max_tasks": self.capacity,
            "tasks_completed": self.completed,
            "tasks_failed": self.failed,
            "uptime_seconds": time.monotonic() - self.begun,
            "capabilities": self.capabilities,
            "timestamp": naive_now(),
        }


class EarlierExecutor(EarlierClient):
    """An executor node: handlers are keyed by task type."""

    full = "Node at capacity"

    @property
    def client_type(self) -> str:
        return "executor"

    def registration(self) -> dict:
        return executor_registration(self.node_id, self.name, sorted(self.handlers), self.capacity)

    def beat(self) -> dict:
        return {
            "node_id": self.node_id,
            "status": "busy" if self.active else "healthy",
            "active_tasks": len(self.active),
            "cpu_usage": 12.5,
            "memory_usage": 40.0,
            "disk_usage": 50.0,
            "network_io": {"bytes_sent": 1, "bytes_recv": 2},
            "uptime_seconds": time.monotonic() - self.begun,
        }


async def echo(assignment: dict, progress: Callable[[int, str], Awaitable[None]]) -> dict:
    """A handler that gives back the parameters it was called with."""
    await progress(50, "half way")
    return {"echo": assignment["external_parameters"]}
