"""A service in this process that takes tasks from a Gleitzeit server."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import os
import signal
import uuid
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from ..node.context import TaskContext
from ..node.facts import EXTERNAL_SERVICE, NodeFacts, task_types_of
from ..node.handlers import Handlers
from ..node.worker import Worker
from .address import server_url
from .errors import Fatal, Retryable, TaskCancelled
from .last_words import say_in_one_line

__all__ = [
    "ExternalServiceCapability",
    "ExternalServiceNode",
    "Fatal",
    "Retryable",
    "TaskCancelled",
    "TaskContext",
]

log = logging.getLogger("gleitzeit_cluster")

# How long a stopping node may go on delivering what it holds.
STOP_SECONDS = 5.0
# How long running tasks may take after SIGTERM. Whoever sends it usually waits for 30 s before it kills.
DRAIN_SECONDS = 25.0


class ExternalServiceCapability(enum.Enum):
    """What a service can do. Each stands for the task types that it takes."""

    ML_TRAINING = "ml_training"
    ML_INFERENCE = "ml_inference"
    DATA_PROCESSING = "data_processing"
    API_INTEGRATION = "api_integration"
    DATABASE_OPERATIONS = "database_operations"
    FILE_PROCESSING = "file_processing"
    WEBHOOK_HANDLING = "webhook_handling"
    CUSTOM_PROCESSING = "custom_processing"


class ExternalServiceNode:
    """Connects to the server, takes tasks, runs their handlers and delivers the results.

    A handler is a function, async or not, of the assignment (a dictionary with `task_id`, `external_parameters`, ...)
    and, if it has a second argument, of a `TaskContext`. What it returns is the result; what it raises is the failure.
    A handler that is not async runs on a thread. Results are kept until the server has acknowledged them, also while
    the connection is down; heartbeats go on while a handler blocks.

        async def train(task, ctx):
            ctx.progress(50, "half of the rows seen")
            return {"accuracy": 0.97}

        node = ExternalServiceNode("ML Service", capabilities=[ExternalServiceCapability.ML_TRAINING])
        node.register_task_handler("ml_training", train)
        asyncio.run(node.start())
    """

    def __init__(
        self,
        service_name: str,
        service_id: Optional[str] = None,
        cluster_url: Optional[str] = None,
        capabilities: Optional[Sequence[Union[ExternalServiceCapability, str]]] = None,
        max_concurrent_tasks: int = 10,
        heartbeat_interval: float = 30,
        auth_token: Optional[str] = None,
        *,
        task_types: Sequence[str] = (),
        tags: Sequence[str] = (),
        models: Sequence[str] = (),
        has_gpu: bool = False,
        drain_seconds: float = DRAIN_SECONDS,
        transports: Tuple[str, ...] = ("websocket", "polling"),
    ):
        """`service_name` is what workflows call the service. `cluster_url` or GLEITZEIT_URL is the address of the
        server, `auth_token` or GLEITZEIT_TOKEN its key. A service that shall be the same node after a restart of its
        process gives a `service_id`. `task_types` are types beyond those of the capabilities. `tags`, `models` and
        `has_gpu` are compared with the requirements of tasks."""
        if not service_name:
            raise ValueError("service_name is empty; workflows address a service by its name")
        if max_concurrent_tasks < 1:
            raise ValueError("max_concurrent_tasks must be at least 1, or no task could ever run")
        self.service_name = service_name
        self.service_id = service_id or f"{service_name}-{uuid.uuid4().hex[:12]}"
        self.cluster_url = server_url(cluster_url)
        self.capabilities: List[Union[ExternalServiceCapability, str]] = list(capabilities or [])
        self.max_concurrent_tasks = max_concurrent_tasks
        self.heartbeat_interval = heartbeat_interval
        self.auth_token = auth_token
        self.drain_seconds = drain_seconds
        self._extra_types = list(task_types)
        self._tags, self._models, self._has_gpu = list(tags), list(models), has_gpu
        self._transports = transports
        self._handlers = Handlers()
        self._worker: Optional[Worker] = None

    def register_task_handler(self, task_type: str, handler: Callable[..., Any]) -> None:
        """The handler of a task is the one for its `external_task_type`, else the one for its `task_type`, else that of
        the first capability that has one."""
        self._handlers.register(task_type, handler)

    def task_handler(self, task_type: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """The same as a decorator."""

        def register(handler: Callable[..., Any]) -> Callable[..., Any]:
            self.register_task_handler(task_type, handler)
            return handler

        return register

    async def start(self) -> None:
        """Serves until it is stopped: by `stop`, by SIGTERM, which lets running tasks finish, or by the server's
        `cluster:shutdown`. A server that is not there yet, or restarts, is waited for. A program that does not
        catch what keeps the service away for good, such as a wrong key, ends with one line that says it."""
        say_in_one_line()
        with _show_log():
            worker = await self.open()
            try:
                with self._on_sigterm(worker):
                    await asyncio.shield(asyncio.wrap_future(worker.stopped))
            except asyncio.CancelledError:
                # The program ends, for instance by Ctrl-C: the server is told, so that others take over at once.
                worker.stop(1.0)
                await worker.until_stopped()
                raise

    def run(self) -> None:
        """`start` for programs without an event loop. Blocks."""
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(self.start())

    async def open(self) -> Worker:
        """Starts in the background; see `registered` and `stop`."""
        if self.running:
            raise RuntimeError(f"{self.service_name} is running already")
        if not len(self._handlers):
            raise RuntimeError(f"{self.service_name} has no handler; add one with register_task_handler")
        self._worker = Worker(self._facts(), self._handlers, asyncio.get_running_loop())
        self._worker.start()
        return self._worker

    async def registered(self, timeout: Optional[float] = None) -> None:
        """Waits until the server knows the service. Raises what keeps it from that for good, such as a wrong token."""
        waiting = asyncio.wrap_future(self._known_worker().registered)
        await asyncio.wait_for(asyncio.shield(waiting), timeout)

    async def drain(self) -> None:
        """Takes nothing new, finishes what runs, delivers, and stops."""
        worker = self._known_worker()
        worker.drain(self.drain_seconds)
        await asyncio.shield(asyncio.wrap_future(worker.stopped))

    async def stop(self) -> None:
        """Cancels what runs, delivers what is finished, and disconnects. Safe to call again."""
        if self._worker is not None:
            self._worker.stop(STOP_SECONDS)
            await self._worker.until_stopped()

    async def report_task_progress(
        self, task_id: str, workflow_id: Optional[str] = None, progress: float = 0, message: str = ""
    ) -> None:
        """Tells watchers how far a task is. Inside a handler `ctx.progress` is shorter."""
        if self._worker is not None:
            self._worker.tell_progress_of(task_id, workflow_id, max(0, min(100, int(progress))), message)

    def get_status(self) -> Dict[str, Any]:
        status: Dict[str, Any] = {
            "service_name": self.service_name,
            "service_id": self.service_id,
            "cluster_url": self.cluster_url,
            "running": self.running,
            "capabilities": self._capability_names(),
            "connected": False,
            "registered": False,
            "active_tasks": 0,
            "max_concurrent_tasks": self.max_concurrent_tasks,
            "tasks_completed": 0,
            "tasks_failed": 0,
            "uptime_seconds": 0.0,
        }
        if self._worker is not None:
            status.update(self._worker.status())
        return status

    @property
    def running(self) -> bool:
        return self._worker is not None and not self._worker.stopped.done()

    @property
    def connected(self) -> bool:
        return bool(self.get_status()["connected"])

    @property
    def tasks_completed(self) -> int:
        return int(self.get_status()["tasks_completed"])

    @property
    def tasks_failed(self) -> int:
        return int(self.get_status()["tasks_failed"])

    def _known_worker(self) -> Worker:
        if self._worker is None:
            raise RuntimeError(f"{self.service_name} has not been started")
        return self._worker

    def _capability_names(self) -> List[str]:
        return [each.value if isinstance(each, enum.Enum) else str(each) for each in self.capabilities]

    def _facts(self) -> NodeFacts:
        capabilities = self._capability_names()
        # A service that names no capability offers what it has handlers for.
        extra = self._extra_types or ([] if capabilities else self._handlers.types())
        types = task_types_of(capabilities)
        return NodeFacts(
            node_id=self.service_id,
            name=self.service_name,
            url=self.cluster_url,
            token=self.auth_token or os.environ.get("GLEITZEIT_TOKEN"),
            kind=EXTERNAL_SERVICE,
            capabilities=capabilities,
            task_types=types + [name for name in extra if name not in types],
            max_concurrent_tasks=self.max_concurrent_tasks,
            heartbeat_seconds=float(self.heartbeat_interval),
            transports=self._transports,
            models=self._models,
            tags=self._tags,
            has_gpu=self._has_gpu,
        )

    @contextlib.contextmanager
    def _on_sigterm(self, worker: Worker) -> Iterator[None]:
        """The first SIGTERM drains, the second one stops. Only where the program has no handler of its own."""
        loop = asyncio.get_running_loop()
        asked: List[bool] = []

        def leave() -> None:
            log.info("%s: SIGTERM: %s", self.service_name, "stopping" if asked else "finishing what runs")
            if asked:
                worker.stop(STOP_SECONDS)
            else:
                worker.drain(self.drain_seconds)
            asked.append(True)

        try:
            installed = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            if installed:
                loop.add_signal_handler(signal.SIGTERM, leave)
        except (NotImplementedError, RuntimeError, ValueError):
            # Not the main thread, or a system without signals.
            installed = False
        try:
            yield
        finally:
            if installed:
                loop.remove_signal_handler(signal.SIGTERM)


@contextlib.contextmanager
def _show_log() -> Iterator[None]:
    """A program that has not set up any logging shall still see that its service is connected."""
    if logging.getLogger().handlers or log.handlers:
        yield
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
