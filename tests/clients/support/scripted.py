"""A worker whose every word the test chooses. It speaks the extensions unless told not to."""

import uuid
from datetime import datetime, timezone
from typing import Any

import aiohttp

from .peer import WEBSOCKET, Peer

# Which task types a capability stands for; the earlier clients work this out at registration.
TASK_TYPES = {
    "ml_training": ["external_ml", "ml_training"],
    "ml_inference": ["external_ml", "ml_inference"],
    "data_processing": ["external_processing", "data_processing"],
    "api_integration": ["external_api", "api_integration"],
    "database_operations": ["external_database", "database_operations"],
    "webhook_handling": ["external_webhook", "webhook_handling"],
    "file_processing": ["external_custom", "file_processing"],
    "custom_processing": ["external_custom", "custom_processing"],
}


def naive_now() -> str:
    """UTC without a zone, as the earlier clients write it."""
    return datetime.now(timezone.utc).replace(tzinfo=None).isoformat()


def service_registration(node_id: str, name: str, capabilities: list[str], capacity: int) -> dict:
    # A capability may bring in a type that another one brought already; the earlier clients send both.
    types = [kind for capability in capabilities for kind in TASK_TYPES[capability]]
    return {
        "node_id": node_id,
        "name": name,
        "node_type": "external_service",
        "capabilities": {
            "task_types": types,
            "max_concurrent_tasks": capacity,
            "external_service": True,
            "service_capabilities": capabilities,
        },
    }


def executor_registration(node_id: str, name: str, task_types: list[str], capacity: int) -> dict:
    return {
        "node_id": node_id,
        "name": name,
        "node_type": "executor",
        "capabilities": {
            "task_types": task_types,
            "available_models": [],
            "max_concurrent_tasks": capacity,
            "has_gpu": False,
            "cpu_cores": 2,
            "memory_gb": 4,
        },
    }


class Worker(Peer):
    """A service, or with `task_types` an executor node. `fences`: it sends `attempt` with its reports."""

    def __init__(
        self,
        url: str,
        name: str = "worker",
        capabilities: list[str] | None = None,
        task_types: list[str] | None = None,
        capacity: int = 10,
        node_id: str | None = None,
        fences: bool = True,
        transports: tuple[str, ...] = WEBSOCKET,
        token: str | None = "demo_token",
        session: aiohttp.ClientSession | None = None,
    ):
        super().__init__(url, transports, token, session)
        self.name = name
        self.node_id = node_id or f"{name}-{uuid.uuid4().hex[:8]}"
        self.fences = fences
        if task_types is not None:
            self.registration = executor_registration(self.node_id, name, task_types, capacity)
        else:
            capabilities = capabilities or ["custom_processing"]
            self.registration = service_registration(self.node_id, name, capabilities, capacity)

    async def start(self, **more: Any) -> "Worker":
        await self.connect()
        await self.register(**more)
        return self

    async def register(self, **more: Any) -> dict:
        answer = await self.call("node:register", {**self.registration, **more})
        assert answer["ok"] is True, answer
        return answer

    async def assigned(self, **fields: Any) -> dict:
        return await self.next("task:assign", **fields)

    def _report(self, assignment: dict, more: dict) -> dict:
        report = {
            "task_id": assignment["task_id"],
            "workflow_id": assignment["workflow_id"],
            "node_id": self.node_id,
            "timestamp": naive_now(),
        }
        if self.fences:
            report["attempt"] = assignment["attempt"]
        return {**report, **more}

    async def accept(self, assignment: dict, **more: Any) -> dict:
        return await self.call("task:accepted", self._report(assignment, more))

    async def progress(self, assignment: dict, percent: int, message: str = "", **more: Any) -> dict:
        more = {"progress": percent, "message": message, **more}
        return await self.call("task:progress", self._report(assignment, more))

    async def complete(self, assignment: dict, result: Any = None, **more: Any) -> dict:
        return await self.call("task:completed", self._report(assignment, {"result": result, **more}))

    async def fail(self, assignment: dict, error: str, **more: Any) -> dict:
        return await self.call("task:failed", self._report(assignment, {"error": error, **more}))

    async def run(self, result: Any = None) -> dict:
        """Takes the next assignment and completes it."""
        assignment = await self.assigned()
        assert (await self.accept(assignment))["ok"] is True
        answer = await self.complete(assignment, result)
        assert answer["ok"] is True, answer
        return assignment

    async def heartbeat(self, **more: Any) -> dict:
        beat = {
            "node_id": self.node_id,
            "service_name": self.name,
            "status": "ready",
            "node_type": self.registration["node_type"],
            "timestamp": naive_now(),
            **more,
        }
        return await self.call("node:heartbeat", beat)


def held(*assignments: dict) -> list[dict]:
    """An `active` list."""
    return [{"task_id": each["task_id"], "attempt": each["attempt"]} for each in assignments]


def task(name: str, *dependencies: str, kind: str = "custom_processing", service: str | None = None, **fields) -> dict:
    """One external task for REST; `parameters` are the external ones. Retries come at once."""
    parameters: dict[str, Any] = {
        "external_task_type": kind,
        "external_parameters": fields.pop("parameters", {"step": name}),
    }
    if service:
        parameters["service_name"] = service
    quick = {"strategy": "fixed", "base_delay": 0.05, "max_delay": 0.05}
    attempts = fields.pop("attempts", 1)
    return {
        "name": name,
        "task_type": TASK_TYPES[kind][0],
        "parameters": parameters,
        "dependencies": list(dependencies),
        "retry": {"max_attempts": attempts, **quick},
        **fields,
    }


def function(name: str, function_name: str, *dependencies: str, **kwargs: Any) -> dict:
    """One task for the worker inside the binary."""
    parameters = {"function_name": function_name, "kwargs": kwargs}
    return {"name": name, "task_type": "function", "parameters": parameters, "dependencies": list(dependencies)}
