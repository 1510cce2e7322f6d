"""The server, as a program sees it that submits workflows."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
import uuid
from types import TracebackType
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Type, Union

from ..node.facts import EXECUTOR, NodeFacts
from ..node.handlers import Functions
from ..node.worker import Worker
from .address import server_url
from .batch import Batches
from .errors import ApiError, GleitzeitError, NotFound, ServerNotTrusted, ServerUnreachable
from .launcher import LaunchedServer
from .rest import HELD_BACK_SECONDS, RestClient, is_loopback
from .result import WorkflowResult, WorkflowStatus
from .watch import Handler, Watcher
from .workflow import Workflow

log = logging.getLogger("gleitzeit_cluster")

PAUSE_SECONDS = 0.05
STOP_SECONDS = 5.0

# Settings of earlier versions that mean nothing any more: there is one server, and it is durable by itself.
EARLIER_SETTINGS = {
    "redis_url",
    "ollama_url",
    "enable_redis",
    "enable_socketio",
    "socketio_host",
    "provider_config_file",
    "auto_start_providers",
    "auto_start_internal_llm_service",
    "auto_start_python_executor",
    "auto_start_socketio_server",
    "llm_service_workers",
    "enable_real_execution",
    "auto_start_services",
    "auto_recovery",
}


class GleitzeitCluster(Batches):
    """Connects to a running server, or starts one.

        cluster = GleitzeitCluster()
        await cluster.start()
        workflow = cluster.create_workflow("Dice")
        workflow.add_python_task("Numbers", "random_data", ["numbers", 100, 1, 6])
        result = await cluster.execute_workflow(workflow)
        print(result.results["Numbers"])

    A server that `start` launched goes on after the program has ended, unless `stop` is called.
    """

    def __init__(
        self,
        url: Optional[str] = None,
        *,
        auth_token: Optional[str] = None,
        start_server: bool = True,
        binary: Optional[str] = None,
        data_dir: Optional[str] = None,
        python_executor_workers: int = 10,
        socketio_url: Optional[str] = None,
        socketio_port: Optional[int] = None,
        **earlier: Any,
    ):
        """`url` or GLEITZEIT_URL is the address of the server, `auth_token` or GLEITZEIT_TOKEN its token. With
        `start_server=False` one that is not running is an error. `binary` and `data_dir` are for a server that is
        started. So many registered functions run at once as `python_executor_workers` says."""
        unknown = set(earlier) - EARLIER_SETTINGS
        if unknown:
            raise TypeError(f"GleitzeitCluster has no setting {', '.join(sorted(unknown))}")
        if earlier:
            log.info("settings without a meaning are left out: %s", ", ".join(sorted(earlier)))
        if url is not None and url.startswith("redis"):
            # The first argument of earlier versions.
            url = None
        on_port = f"http://localhost:{socketio_port}" if socketio_port else None
        self.url = server_url(url, socketio_url, on_port)
        self._token = auth_token or os.environ.get("GLEITZEIT_TOKEN")
        self._start_server, self._binary, self._data_dir = start_server, binary, data_dir
        self._workers = python_executor_workers
        self._functions = Functions()
        self._executor: Optional[Worker] = None
        self._launched: Optional[LaunchedServer] = None
        self._rest: Optional[RestClient] = None
        self._watcher: Optional[Watcher] = None
        self._handlers: List[tuple[str, Handler]] = []
        self._names: Dict[str, Mapping[str, str]] = {}
        self._loop: Optional[asyncio.AbstractEventLoop] = None

    async def start(self) -> None:
        """Finds the server, or starts it. Registered functions can be run from now on."""
        if self._rest is not None:
            return
        self._loop = asyncio.get_running_loop()
        rest = RestClient(self.url, self._token)
        launched: Optional[LaunchedServer] = None
        try:
            try:
                await rest.health()
            except ServerNotTrusted:
                raise
            except ServerUnreachable:
                if not self._start_server or not is_loopback(self.url):
                    raise
                launched = await self._launch(rest)
            # Asked here, so that a missing token is told here and not in the middle of the work.
            stats = await rest.request("GET", "/api/v1/stats")
        except BaseException:
            await rest.close()
            raise
        self._rest = rest
        # Two programs may have started one at the same time. Only one of them has the address.
        if launched is not None and stats["pid"] == launched.pid:
            self._launched = launched
            launched.let_go_at_exit()
            print(f"gleitzeit: started a server at {self.url} (process {launched.pid}, log in {launched.log_path})")
            print("gleitzeit: it goes on after this program; `gleitzeit shutdown` stops it", flush=True)
        log.info("connected to the server at %s", self.url)
        for event, handler in self._handlers:
            self._watching().on(event, handler)
        if self._functions.names():
            self._start_executor()

    async def _launch(self, rest: RestClient) -> LaunchedServer:
        began = time.monotonic()
        launched = LaunchedServer.launch(self.url, binary=self._binary, data_dir=self._data_dir)
        while True:
            try:
                await rest.health()
                return launched
            except ServerUnreachable:
                failure = launched.failure(began)
                if failure is not None:
                    raise failure from None
            await asyncio.sleep(PAUSE_SECONDS)

    async def stop(self) -> None:
        """Ends what this object started: the functions' node, the connection, and a server that `start` launched."""
        if self._executor is not None:
            self._executor.stop(STOP_SECONDS)
            await self._executor.until_stopped()
            self._executor = None
        if self._watcher is not None:
            await self._watcher.close()
            self._watcher = None
        if self._rest is not None:
            await self._rest.close()
            self._rest = None
        if self._launched is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._launched.stop)
            self._launched = None

    async def __aenter__(self) -> GleitzeitCluster:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.stop()

    def create_workflow(self, name: str, description: Optional[str] = None, **settings: Any) -> Workflow:
        """`settings` are those of `Workflow`: error_strategy, timeout_seconds, tags, ..."""
        return Workflow(name, description, **settings)

    async def submit_workflow(self, workflow: Workflow) -> str:
        """Stores the workflow, which runs from then on by itself, and gives its id. Repeating it changes nothing."""
        await self._submit(workflow, 0)
        return workflow.id

    async def _submit(self, workflow: Workflow, wait_seconds: int) -> Dict[str, Any]:
        rest = self.rest
        self._names[workflow.id] = workflow.names()
        if self._watcher is not None and self._watcher.wanted:
            await self._watcher.follow(workflow.id)
        return await rest.submit(workflow.to_dict(), wait_seconds)

    async def execute_workflow(self, workflow: Workflow, timeout: Optional[float] = None) -> WorkflowResult:
        """Submits, waits for the end and gives the results. After `timeout` seconds `WaitTimeout`; it goes on then."""
        held_back = HELD_BACK_SECONDS if timeout is None else max(min(int(timeout), HELD_BACK_SECONDS), 0)
        began = time.monotonic()
        answer = await self._submit(workflow, held_back)
        if not WorkflowStatus(answer["status"]).has_ended:
            left = None if timeout is None else max(timeout - (time.monotonic() - began), 0.0)
            return await self.wait_for_workflow(workflow.id, left)
        return await self._result(workflow.id)

    async def wait_for_workflow(self, workflow_id: str, timeout: Optional[float] = None) -> WorkflowResult:
        """Waits for the end of a workflow, also of one that another program submitted."""
        await self.rest.wait_for(workflow_id, timeout)
        return await self._result(workflow_id)

    async def _result(self, workflow_id: str) -> WorkflowResult:
        result = WorkflowResult.of(await self.rest.results(workflow_id), self._names.get(workflow_id))
        if self._watcher is not None:
            await self._watcher.settled(workflow_id)
        return result

    async def get_workflow_status(self, workflow_id: str) -> Optional[Dict[str, Any]]:
        """Status and counts with the results and errors so far; None where there is no such workflow."""
        try:
            found, results = await asyncio.gather(self.rest.workflow(workflow_id), self.rest.results(workflow_id))
        except NotFound:
            return None
        errors = {name: error.get("message") for name, error in results["errors"].items()}
        return {**found, "workflow_id": found["id"], "results": results["results"], "errors": errors}

    async def get_task(self, task_id: str) -> Dict[str, Any]:
        return await self.rest.task(task_id)

    async def why(self, workflow_id: str) -> Dict[str, str]:
        """What each task waits for that has not ended, by its name."""
        found: Dict[str, str] = {}
        async for task in self.rest.items(f"/api/v1/workflows/{workflow_id}/tasks"):
            if task["status"] not in ("completed", "failed", "cancelled", "skipped"):
                found[task["name"]] = (await self.rest.why(task["id"]))["summary"]
        return found

    async def cancel_workflow(self, workflow_id: str) -> bool:
        """Cancels all that has not ended. Whether there was anything to cancel."""
        try:
            await self.rest.request("POST", f"/api/v1/workflows/{workflow_id}/cancel")
        except ApiError as error:
            if error.status in (404, 409):
                return False
            raise
        return True

    async def list_workflows(self, status: Optional[str] = None, limit: int = 100) -> List[Dict[str, Any]]:
        """The latest first."""
        page = await self.rest.request("GET", "/api/v1/workflows", params={"status": status, "limit": limit})
        return [{"workflow_id": item["id"], **item} for item in page["items"]]

    async def list_services(self) -> List[Dict[str, Any]]:
        page = await self.rest.request("GET", "/api/v1/services")
        services = list(page["items"])
        while page["next_cursor"] is not None:
            page = await self.rest.request("GET", "/api/v1/services", params={"cursor": page["next_cursor"]})
            services.extend(page["items"])
        return services

    async def get_cluster_stats(self) -> Dict[str, Any]:
        """Figures of the server, its health, and what this object has started."""
        health, stats = await asyncio.gather(self.rest.health(), self.rest.request("GET", "/api/v1/stats"))
        return {
            "is_started": True,
            "url": self.url,
            "server_started_here": self._launched is not None,
            "registered_functions": self._functions.names(),
            "health": health["status"],
            **stats,
        }

    def on(self, event: str, handler: Handler) -> None:
        """Calls `handler` (async or not) with a dictionary about the workflows that this object submits from now on:
        workflow_started, workflow_progress, workflow_completed, workflow_failed, workflow_cancelled, task_progress,
        task_completed, task_failed."""
        if self._rest is not None:
            self._watching().on(event, handler)
        else:
            Watcher.check(event)
            self._handlers.append((event, handler))

    def _watching(self) -> Watcher:
        if self._watcher is None:
            self._watcher = Watcher(self.rest, self._token)
        return self._watcher

    def register_python_function(self, name: Union[str, Callable[..., Any]], func: Any = None) -> Any:
        """Makes a function of this program available to `add_python_task`, under its name or another one. It runs in
        this process: on the event loop when it is async, else on a thread. Also a decorator, with or without a name."""
        if callable(name):
            self.register_python_functions({name.__name__: name})
            return name
        if func is not None:
            self.register_python_functions({name: func})
            return func

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.register_python_functions({str(name): function})
            return function

        return register

    def register_python_functions(
        self, functions: Union[Mapping[str, Callable[..., Any]], Sequence[Callable[..., Any]]]
    ) -> None:
        """The same for several: a dictionary by name, or a list of functions."""
        named = functions if isinstance(functions, Mapping) else {each.__name__: each for each in functions}
        for name, function in named.items():
            self._functions.register(name, function)
        if self._executor is not None:
            self._executor.facts.functions = self._functions.names()
            self._executor.register_again()
        elif self._rest is not None:
            self._start_executor()

    def _start_executor(self) -> None:
        if self._loop is None:
            raise GleitzeitError("the cluster has not been started")
        host = socket.gethostname()
        facts = NodeFacts(
            node_id=f"python-{host}-{os.getpid()}-{uuid.uuid4().hex[:6]}",
            name=f"Python functions of {host}, process {os.getpid()}",
            url=self.url,
            token=self._token,
            kind=EXECUTOR,
            task_types=["function"],
            functions=self._functions.names(),
            max_concurrent_tasks=self._workers,
        )
        self._executor = Worker(facts, self._functions, self._loop)
        self._executor.start()

    @property
    def rest(self) -> RestClient:
        """Everything else that the server can do."""
        if self._rest is None:
            raise RuntimeError("the cluster is not started; call `await cluster.start()` first")
        return self._rest
