"""One task of a workflow in the making."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, fields
from typing import Any, Dict, List, Optional, Sequence, Union


class TaskType(enum.Enum):
    """What a task does. The names of earlier versions are understood as well."""

    TEXT = "text"
    VISION = "vision"
    FUNCTION = "function"
    HTTP = "http"
    FILE = "file"
    EXTERNAL_API = "external_api"
    EXTERNAL_ML = "external_ml"
    EXTERNAL_DATABASE = "external_database"
    EXTERNAL_PROCESSING = "external_processing"
    EXTERNAL_WEBHOOK = "external_webhook"
    EXTERNAL_CUSTOM = "external_custom"

    @classmethod
    def _missing_(cls, value: object) -> Optional[TaskType]:
        name = _ALIASES.get(str(value))
        return cls(name) if name else None


_ALIASES = {
    "text_prompt": "text",
    "ollama_text": "text",
    "vision_task": "vision",
    "ollama_vision": "vision",
    "python_function": "function",
    "python_code": "function",
    "http_request": "http",
    "file_operation": "file",
}

# The task type that an external task type belongs to; every other name is external_custom.
EXTERNAL_TYPES = {
    "ml_training": TaskType.EXTERNAL_ML,
    "ml_inference": TaskType.EXTERNAL_ML,
    "data_processing": TaskType.EXTERNAL_PROCESSING,
    "api_integration": TaskType.EXTERNAL_API,
    "database_operations": TaskType.EXTERNAL_DATABASE,
    "webhook_handling": TaskType.EXTERNAL_WEBHOOK,
}


class TaskStatus(enum.Enum):
    PENDING = "pending"
    QUEUED = "queued"
    ASSIGNED = "assigned"
    PROCESSING = "processing"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class TaskPriority(enum.Enum):
    """Which of the waiting tasks goes first."""

    URGENT = "urgent"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass
class TaskParameters:
    """The parameters of all types of tasks; what is None is left out. `extra` holds whatever has no field here."""

    prompt: Optional[str] = None
    messages: Optional[List[Dict[str, Any]]] = None
    system_prompt: Optional[str] = None
    model_name: Optional[str] = None
    temperature: Optional[float] = None
    max_tokens: Optional[int] = None
    endpoint_tags: Optional[List[str]] = None
    image_path: Optional[str] = None
    image_url: Optional[str] = None
    base64: Optional[str] = None
    function_name: Optional[str] = None
    args: Optional[Any] = None
    kwargs: Optional[Dict[str, Any]] = None
    url: Optional[str] = None
    method: Optional[str] = None
    headers: Optional[Dict[str, Any]] = None
    data: Optional[Any] = None
    operation: Optional[str] = None
    source_path: Optional[str] = None
    target_path: Optional[str] = None
    content: Optional[Any] = None
    service_name: Optional[str] = None
    service_url: Optional[str] = None
    external_task_type: Optional[str] = None
    external_parameters: Optional[Dict[str, Any]] = None
    callback_url: Optional[str] = None
    webhook_token: Optional[str] = None
    external_timeout: Optional[float] = None
    extra: Dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Dict[str, Any]) -> TaskParameters:
        known = {each.name for each in fields(cls)} - {"extra"}
        return cls(
            **{key: value for key, value in given.items() if key in known},
            extra={key: value for key, value in given.items() if key not in known},
        )

    def to_dict(self) -> Dict[str, Any]:
        given = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "extra"}
        return {key: value for key, value in {**given, **self.extra}.items() if value is not None}


@dataclass
class TaskRequirements:
    """What the machine that runs the task must have. Zero and empty ask for nothing."""

    cpu_cores: Optional[int] = None
    memory_mb: Optional[int] = None
    gpu_memory_mb: Optional[int] = None
    requires_gpu: bool = False
    required_models: List[str] = field(default_factory=list)
    node_tags: List[str] = field(default_factory=list)

    def to_dict(self) -> Dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name)}


@dataclass
class RetryPolicy:
    """How often and when a failed task is tried again. `max_attempts` counts the first try."""

    max_attempts: int = 4
    strategy: str = "exponential"
    base_delay: float = 1.0
    max_delay: float = 60.0
    jitter: Union[bool, float] = True

    def to_dict(self) -> Dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


Dependency = Union[str, "Task"]


@dataclass
class Task:
    """A task; usually made by the `add_..._task` methods of a workflow, which return it for the finer settings.

    `id` is the submitter's own where it is given, and else follows from the place in the workflow. What is None is
    decided by the server: three retries, and 300 seconds for a try (1,800 on a service).
    """

    name: str
    task_type: TaskType
    parameters: TaskParameters = field(default_factory=TaskParameters)
    id: str = ""
    requirements: TaskRequirements = field(default_factory=TaskRequirements)
    priority: Union[TaskPriority, str] = TaskPriority.NORMAL
    max_retries: Optional[int] = None
    retry: Optional[RetryPolicy] = None
    timeout_seconds: Optional[float] = None
    queue_timeout_seconds: Optional[float] = None
    dependencies: Sequence[Dependency] = field(default_factory=list)
    depends_on_success: bool = True
    tags: List[str] = field(default_factory=list)
    metadata: Dict[str, Any] = field(default_factory=dict)
    has_own_id: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.has_own_id = bool(self.id)
        self.task_type = TaskType(self.task_type)

    def to_dict(self) -> Dict[str, Any]:
        """As the server reads it. Dependencies still refer as they were given."""
        body: Dict[str, Any] = {
            "name": self.name,
            "task_type": self.task_type.value,
            "parameters": self.parameters.to_dict(),
            "dependencies": [each.name if isinstance(each, Task) else each for each in self.dependencies],
        }
        if self.has_own_id:
            body["id"] = self.id
        priority = self.priority.value if isinstance(self.priority, TaskPriority) else self.priority
        if priority != "normal":
            body["priority"] = priority
        if not self.depends_on_success:
            body["depends_on_success"] = False
        more: Dict[str, Any] = {
            "requirements": self.requirements.to_dict(),
            "max_retries": self.max_retries,
            "retry": self.retry.to_dict() if self.retry else None,
            "timeout_seconds": self.timeout_seconds,
            "queue_timeout_seconds": self.queue_timeout_seconds,
            "tags": self.tags,
            "metadata": self.metadata,
        }
        body.update({key: value for key, value in more.items() if value not in (None, {}, [])})
        return body

    def __str__(self) -> str:
        return f"Task({self.name}, {self.task_type.value})"


# Keyword arguments of a builder that are about the task and not among its parameters.
TASK_FIELDS = {
    "id",
    "requirements",
    "priority",
    "max_retries",
    "retry",
    "timeout_seconds",
    "queue_timeout_seconds",
    "depends_on_success",
    "tags",
    "metadata",
}
