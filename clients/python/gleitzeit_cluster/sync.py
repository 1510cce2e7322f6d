"""The cluster for programs without an event loop: the same verbs, which block."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Any, Callable, Coroutine, Dict, List, Mapping, Optional, Sequence, Type, TypeVar, Union

from .core.cluster import GleitzeitCluster
from .core.result import WorkflowResult
from .core.watch import Handler
from .core.workflow import Workflow

T = TypeVar("T")


class SyncGleitzeitCluster:
    """A `GleitzeitCluster` on a thread of its own. Handlers and async functions run on that thread.

    with SyncGleitzeitCluster() as cluster:
        workflow = cluster.create_workflow("Dice")
        workflow.add_python_task("Numbers", "random_data", ["numbers", 100, 1, 6])
        print(cluster.execute_workflow(workflow).results["Numbers"])
    """

    def __init__(self, url: Optional[str] = None, **settings: Any):
        """The settings are those of `GleitzeitCluster`."""
        self._cluster = GleitzeitCluster(url, **settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gleitzeit-cluster", daemon=True)
        self._thread.start()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("a handler must not wait for its own cluster; use GleitzeitCluster and await")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @property
    def url(self) -> str:
        return self._cluster.url

    def start(self) -> None:
        self._do(self._cluster.start())

    def stop(self) -> None:
        if not self._thread.is_alive():
            return
        self._do(self._cluster.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> SyncGleitzeitCluster:
        self.start()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.stop()

    def create_workflow(self, name: str, description: Optional[str] = None, **settings: Any) -> Workflow:
        return self._cluster.create_workflow(name, description, **settings)

    def submit_workflow(self, workflow: Workflow) -> str:
        return self._do(self._cluster.submit_workflow(workflow))

    def execute_workflow(self, workflow: Workflow, timeout: Optional[float] = None) -> WorkflowResult:
        return self._do(self._cluster.execute_workflow(workflow, timeout))

    def wait_for_workflow(self, workflow_id: str, timeout: Optional[float] = None) -> WorkflowResult:
        return self._do(self._cluster.wait_for_workflow(workflow_id, timeout))

    def get_workflow_status(self, workflow_id: str) -> Optional[Dict[str, Any]]:
        return self._do(self._cluster.get_workflow_status(workflow_id))

    def why(self, workflow_id: str) -> Dict[str, str]:
        return self._do(self._cluster.why(workflow_id))

    def cancel_workflow(self, workflow_id: str) -> bool:
        return self._do(self._cluster.cancel_workflow(workflow_id))

    def list_workflows(self, status: Optional[str] = None, limit: int = 100) -> List[Dict[str, Any]]:
        return self._do(self._cluster.list_workflows(status, limit))

    def list_services(self) -> List[Dict[str, Any]]:
        return self._do(self._cluster.list_services())

    def get_cluster_stats(self) -> Dict[str, Any]:
        return self._do(self._cluster.get_cluster_stats())

    def analyze_text(self, prompt: str, model: Optional[str] = None, **more: Any) -> str:
        return self._do(self._cluster.analyze_text(prompt, model, **more))

    def analyze_image(self, prompt: str, image_path: str, model: Optional[str] = None, **more: Any) -> str:
        return self._do(self._cluster.analyze_image(prompt, image_path, model, **more))

    def batch_analyze_images(
        self, prompt: str, image_paths: Sequence[str], model: Optional[str] = None, **more: Any
    ) -> Dict[str, str]:
        return self._do(self._cluster.batch_analyze_images(prompt, image_paths, model, **more))

    def batch_analyze_texts(
        self, prompt: str, texts: Union[Sequence[str], Mapping[str, str]], model: Optional[str] = None, **more: Any
    ) -> Dict[str, str]:
        return self._do(self._cluster.batch_analyze_texts(prompt, texts, model, **more))

    def batch_process(self, folder: str, **settings: Any) -> WorkflowResult:
        return self._do(self._cluster.batch_process(folder, **settings))

    def on(self, event: str, handler: Handler) -> None:
        self._do(_on_loop(self._cluster.on, event, handler))

    def register_python_function(self, name: Union[str, Callable[..., Any]], func: Any = None) -> Any:
        if callable(name) or func is not None:
            return self._do(_on_loop(self._cluster.register_python_function, name, func))

        def register(function: Callable[..., Any]) -> Any:
            return self.register_python_function(name, function)

        return register

    def register_python_functions(
        self, functions: Union[Mapping[str, Callable[..., Any]], Sequence[Callable[..., Any]]]
    ) -> None:
        self._do(_on_loop(self._cluster.register_python_functions, functions))


async def _on_loop(call: Callable[..., T], *arguments: Any) -> T:
    return call(*arguments)
