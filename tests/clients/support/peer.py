"""A Socket.IO client that records whatever it is sent."""

import asyncio
import time
import uuid
from typing import Any

import aiohttp
import socketio

from .patience import PATIENCE

NAMESPACE = "/cluster"
WEBSOCKET = ("websocket",)
POLLING = ("polling",)


class Peer:
    """One python-socketio AsyncClient whose events wait in an inbox until a test asks for them."""

    def __init__(
        self,
        url: str,
        transports: tuple[str, ...] = WEBSOCKET,
        token: str | None = "demo_token",
        session: aiohttp.ClientSession | None = None,
    ):
        self.url = url
        self.transports = list(transports)
        self.token = token
        self.inbox: list[tuple[str, Any]] = []
        self._news = asyncio.Event()
        self.sio = socketio.AsyncClient(reconnection=False, http_session=session)
        self.sio.on("*", self._record, namespace=NAMESPACE)
        self.sio.on("disconnect", self._disconnected, namespace=NAMESPACE)

    async def _record(self, event: str, *payload: Any) -> None:
        self.inbox.append((event, payload[0] if payload else None))
        self._news.set()

    async def _disconnected(self, *_: Any) -> None:
        self.inbox.append(("(disconnected)", None))
        self._news.set()

    async def open(self) -> None:
        """The connection alone, without a word."""
        await self.sio.connect(self.url, namespaces=[NAMESPACE], transports=self.transports, wait_timeout=PATIENCE)

    async def connect(self) -> "Peer":
        await self.open()
        hello = await self.next("connected")
        assert hello["sid"] and hello["message"]
        await self.authenticate()
        return self

    async def authenticate(self) -> None:
        await self.emit("authenticate", {"token": self.token, "client_type": "wire_test"})
        assert (await self.next("authenticated"))["success"] is True

    async def emit(self, event: str, payload: Any = None) -> None:
        await self.sio.emit(event, payload if payload is not None else {}, namespace=NAMESPACE)

    async def call(self, event: str, payload: Any = None) -> Any:
        """Sends and waits for the acknowledgement."""
        return await self.sio.call(
            event, payload if payload is not None else {}, namespace=NAMESPACE, timeout=PATIENCE
        )

    async def next(self, event: str, **fields: Any) -> Any:
        """The first waiting or coming event of this name and with these fields; it leaves the inbox."""
        deadline = time.monotonic() + PATIENCE
        while True:
            for place, (name, payload) in enumerate(self.inbox):
                if name == event and all((payload or {}).get(key) == value for key, value in fields.items()):
                    del self.inbox[place]
                    return payload
            self._news.clear()
            left = deadline - time.monotonic()
            try:
                await asyncio.wait_for(self._news.wait(), max(left, 0.001))
            except TimeoutError:
                seen = [name for name, _ in self.inbox]
                raise AssertionError(f"no {event} {fields or ''} within {PATIENCE} s; waiting are {seen}") from None

    def seen(self, event: str, **fields: Any) -> list[Any]:
        """All events of this name that wait in the inbox."""
        return [
            payload
            for name, payload in self.inbox
            if name == event and all((payload or {}).get(key) == value for key, value in fields.items())
        ]

    async def never(self, event: str, seconds: float = 0.8, **fields: Any) -> None:
        """Nothing of this kind has come, nor does it come for a while."""
        await asyncio.sleep(seconds)
        assert self.seen(event, **fields) == []

    async def submit(self, tasks: list[dict], workflow: str | None = None, name: str = "wire test") -> str:
        """`workflow:submit` as the earlier clients send it, without asking for an acknowledgement."""
        workflow = workflow or str(uuid.uuid4())
        await self.emit("workflow:submit", {"workflow_id": workflow, "name": name, "tasks": tasks, "metadata": {}})
        return workflow

    async def close(self) -> None:
        """A clean goodbye."""
        if self.sio.connected:
            await self.sio.disconnect()


def wire_task(task_id: str, *dependencies: str, task_type: str = "external_custom", **fields: Any) -> dict:
    """One task as `workflow:submit` carries it."""
    parameters = {"external_task_type": "custom_processing", "external_parameters": {"step": task_id}}
    return {
        "task_id": task_id,
        "task_type": task_type,
        "priority": "normal",
        "parameters": parameters,
        "dependencies": list(dependencies),
        "timeout": 60,
        **fields,
    }
