"""Workflows as data: the body of a submission, put together by code."""

from __future__ import annotations

import base64
import enum
import re
import uuid
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Union

from .task import EXTERNAL_TYPES, TASK_FIELDS, Dependency, Task, TaskParameters, TaskType

# The server takes no larger image.
LARGEST_IMAGE_BYTES = 20 * 1024 * 1024

# A reference to a task by the id that follows from its place.
_BY_ID = re.compile(r"(\{\{\s*|\$\{\s*)([0-9a-f]{8}-[0-9a-f-]{27}\.\d+)(?=\.)")


class WorkflowErrorStrategy(enum.Enum):
    """What happens to the rest of a workflow when a task has failed for good."""

    # Everything is cancelled and the workflow fails.
    STOP_ON_FIRST_ERROR = "stop"
    # Independent branches go on, dependents are skipped, the workflow fails with partial results.
    CONTINUE_ON_ERROR = "continue"
    # When all else has settled, the failed tasks get one more round; then as CONTINUE_ON_ERROR.
    RETRY_FAILED_TASKS = "retry"
    # Dependents run with None in the place of the result, and the workflow completes.
    SKIP_FAILED_TASKS = "skip"


class Workflow:
    """A workflow in the making.

    A reference in a parameter, such as `{{Numbers.result}}`, makes the task wait for the other one by itself;
    `dependencies` (names, ids or tasks) are for order without data. The server checks it all when it is submitted.
    """

    def __init__(
        self,
        name: str,
        description: Optional[str] = None,
        *,
        id: Optional[str] = None,
        version: Optional[str] = None,
        error_strategy: Union[WorkflowErrorStrategy, str, None] = None,
        max_parallel_tasks: Optional[int] = None,
        timeout_seconds: Optional[float] = None,
        tags: Sequence[str] = (),
        metadata: Optional[Dict[str, Any]] = None,
    ):
        self.id = id or str(uuid.uuid4())
        self.name = name
        self.description = description
        self.version = version
        self.error_strategy = error_strategy
        self.max_parallel_tasks = max_parallel_tasks
        self.timeout_seconds = timeout_seconds
        self.tags: List[str] = list(tags)
        self.metadata: Dict[str, Any] = dict(metadata or {})
        self.tasks: Dict[str, Task] = {}

    def add_task(self, task: Task) -> Task:
        if not task.has_own_id:
            task.id = f"{self.id}.{len(self.tasks)}"
        if task.id in self.tasks:
            raise ValueError(f"workflow {self.name} has a task with the id {task.id} already")
        self.tasks[task.id] = task
        return task

    def names(self) -> Dict[str, str]:
        """The name of each task by its id."""
        return {task.id: task.name for task in self.tasks.values()}

    def to_dict(self) -> Dict[str, Any]:
        """As the server reads it."""
        strategy = self.error_strategy
        body: Dict[str, Any] = {"id": self.id, "name": self.name}
        more: Dict[str, Any] = {
            "description": self.description,
            "version": self.version,
            "error_strategy": strategy.value if isinstance(strategy, WorkflowErrorStrategy) else strategy,
            "max_parallel_tasks": self.max_parallel_tasks,
            "timeout_seconds": self.timeout_seconds,
            "tags": self.tags,
            "metadata": self.metadata,
        }
        body.update({key: value for key, value in more.items() if value not in (None, {}, [])})
        names = {task.id: task.name for task in self.tasks.values() if not task.has_own_id}
        body["tasks"] = [_named(task.to_dict(), names) for task in self.tasks.values()]
        return body

    def _add(
        self,
        name: str,
        task_type: TaskType,
        parameters: Dict[str, Any],
        dependencies: Optional[Sequence[Dependency]],
        more: Dict[str, Any],
    ) -> Task:
        of_task = {key: value for key, value in more.items() if key in TASK_FIELDS}
        if "timeout" in more and "timeout_seconds" not in of_task:
            of_task["timeout_seconds"] = more["timeout"]
        others = {key: value for key, value in more.items() if key not in TASK_FIELDS and key != "timeout"}
        # A text is no list of names, though Python would read it as one of letters.
        after = [dependencies] if isinstance(dependencies, (str, Task)) else list(dependencies or [])
        given = TaskParameters.of({**parameters, **others})
        return self.add_task(Task(name, task_type, given, dependencies=after, **of_task))

    def add_text_task(
        self,
        name: str,
        prompt: Optional[str] = None,
        model: Optional[str] = None,
        dependencies: Optional[Sequence[Dependency]] = None,
        **more: Any,
    ) -> Task:
        """A prompt for a language model; the result is its text. Without a model the server's default one is asked.

        `more`: `system_prompt`, `temperature`, `max_tokens`, `messages`, and what every task has (`priority`, ...)."""
        return self._add(name, TaskType.TEXT, {"prompt": prompt, "model_name": model}, dependencies, more)

    def add_vision_task(
        self,
        name: str,
        prompt: str,
        image_path: Optional[str] = None,
        model: Optional[str] = None,
        dependencies: Optional[Sequence[Dependency]] = None,
        **more: Any,
    ) -> Task:
        """A prompt about an image; the result is the model's text. A file of this machine travels along; any other
        `image_path` is one in the files root of the server."""
        parameters: Dict[str, Any] = {"prompt": prompt, "model_name": model, "image_path": image_path}
        if image_path is not None and Path(image_path).is_file():
            parameters["image_path"] = None
            parameters["base64"] = _image(Path(image_path))
        return self._add(name, TaskType.VISION, parameters, dependencies, more)

    def add_python_task(
        self,
        name: str,
        function_name: str,
        args: Optional[Union[Sequence[Any], Dict[str, Any]]] = None,
        kwargs: Optional[Dict[str, Any]] = None,
        dependencies: Optional[Sequence[Dependency]] = None,
        **more: Any,
    ) -> Task:
        """A function that the server has built in, or one that a cluster registered with `register_python_function`."""
        given = dict(args) if isinstance(args, dict) else list(args) if args is not None else None
        parameters = {"function_name": function_name, "args": given, "kwargs": kwargs}
        return self._add(name, TaskType.FUNCTION, parameters, dependencies, more)

    def add_http_task(
        self,
        name: str,
        url: str,
        method: str = "GET",
        headers: Optional[Dict[str, Any]] = None,
        data: Any = None,
        dependencies: Optional[Sequence[Dependency]] = None,
        **more: Any,
    ) -> Task:
        """One request by the server; the result is {status_code, headers, content, json, url}."""
        parameters = {"url": url, "method": method, "headers": headers, "data": data}
        return self._add(name, TaskType.HTTP, parameters, dependencies, more)

    def add_file_task(
        self,
        name: str,
        operation: str,
        source_path: Optional[str] = None,
        target_path: Optional[str] = None,
        content: Any = None,
        dependencies: Optional[Sequence[Dependency]] = None,
        **more: Any,
    ) -> Task:
        """read, write, append, copy, move, delete or list, inside the files root of the server."""
        parameters = {
            "operation": operation,
            "source_path": source_path,
            "target_path": target_path,
            "content": content,
        }
        return self._add(name, TaskType.FILE, parameters, dependencies, more)

    def add_external_task(
        self,
        name: str,
        external_task_type: str,
        service_name: Optional[str] = None,
        external_parameters: Optional[Dict[str, Any]] = None,
        service_url: Optional[str] = None,
        dependencies: Optional[Sequence[Dependency]] = None,
        timeout: float = 1800,
        **more: Any,
    ) -> Task:
        """A task for a connected service, or for a webhook where there is a `service_url`."""
        parameters = {
            "external_task_type": external_task_type,
            "service_name": service_name,
            "external_parameters": external_parameters or {},
            "service_url": service_url,
        }
        task_type = EXTERNAL_TYPES.get(external_task_type, TaskType.EXTERNAL_CUSTOM)
        return self._add(name, task_type, parameters, dependencies, {"timeout": timeout, **more})

    def _external(
        self,
        kind: str,
        name: str,
        service_name: Optional[str],
        inner: Dict[str, Any],
        dependencies: Optional[Sequence[Dependency]],
        timeout: float,
        more: Dict[str, Any],
    ) -> Task:
        """What a builder of one kind does not know goes to the service."""
        of_task = {key: value for key, value in more.items() if key in TASK_FIELDS}
        others = {key: value for key, value in more.items() if key not in TASK_FIELDS}
        return self.add_external_task(
            name, kind, service_name, {**inner, **others}, None, dependencies, timeout, **of_task
        )

    def add_external_ml_task(
        self,
        name: str,
        service_name: Optional[str] = None,
        operation: str = "train",
        model_params: Any = None,
        data_params: Any = None,
        dependencies: Optional[Sequence[Dependency]] = None,
        timeout: float = 3600,
        **more: Any,
    ) -> Task:
        """Training (`operation` is `train`) or inference (any other) on an ML service."""
        kind = "ml_training" if operation == "train" else "ml_inference"
        inner = {"operation": operation, "model_params": model_params or {}, "data_params": data_params or {}}
        return self._external(kind, name, service_name, inner, dependencies, timeout, more)

    def add_external_api_task(
        self,
        name: str,
        service_name: Optional[str] = None,
        endpoint: str = "",
        method: str = "POST",
        payload: Any = None,
        headers: Any = None,
        dependencies: Optional[Sequence[Dependency]] = None,
        timeout: float = 300,
        **more: Any,
    ) -> Task:
        """A call that an API service makes."""
        inner = {"endpoint": endpoint, "method": method, "payload": payload or {}, "headers": headers or {}}
        return self._external("api_integration", name, service_name, inner, dependencies, timeout, more)

    def add_external_database_task(
        self,
        name: str,
        service_name: Optional[str] = None,
        operation: str = "query",
        query_params: Any = None,
        dependencies: Optional[Sequence[Dependency]] = None,
        timeout: float = 600,
        **more: Any,
    ) -> Task:
        """A query or another operation on a database service."""
        inner = {"operation": operation, "query_params": query_params or {}}
        return self._external("database_operations", name, service_name, inner, dependencies, timeout, more)

    def __str__(self) -> str:
        return f"Workflow({self.name}, {len(self.tasks)} tasks, {self.id})"


def _image(path: Path) -> str:
    if path.stat().st_size > LARGEST_IMAGE_BYTES:
        raise ValueError(
            f"{path} is larger than {LARGEST_IMAGE_BYTES // 1024 // 1024} MiB, the largest image of a task"
        )
    return base64.b64encode(path.read_bytes()).decode()


def _named(task: Dict[str, Any], names: Dict[str, str]) -> Dict[str, Any]:
    """With names in the place of ids that the server makes: references are by name or own id."""
    task["dependencies"] = [names.get(each, each) for each in task["dependencies"]]
    task["parameters"] = _renamed(task["parameters"], names)
    return task


def _renamed(value: Any, names: Dict[str, str]) -> Any:
    if isinstance(value, str):
        if "{" not in value:
            return value
        return _BY_ID.sub(lambda found: found[1] + names.get(found[2], found[2]), value)
    if isinstance(value, dict):
        return {key: _renamed(each, names) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_renamed(each, names) for each in value]
    return value
