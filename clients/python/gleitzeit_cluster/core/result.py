"""What became of a workflow."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional

from .errors import GleitzeitError


class WorkflowStatus(enum.Enum):
    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def has_ended(self) -> bool:
        return self in (WorkflowStatus.COMPLETED, WorkflowStatus.FAILED, WorkflowStatus.CANCELLED)


class TaskFailure(str):
    """Why a task has failed, as a text; with the code of it."""

    code: str
    message: str

    def __new__(cls, code: str, message: str) -> TaskFailure:
        failure = super().__new__(cls, f"{code}: {message}" if code else message)
        failure.code = code
        failure.message = message
        return failure


class ByTask(Dict[str, Any]):
    """Something for each task, by its name. The id of a task finds it too."""

    def __init__(self, by_name: Mapping[str, Any], names: Optional[Mapping[str, str]] = None):
        super().__init__(by_name)
        self._names = dict(names or {})

    def __missing__(self, key: str) -> Any:
        name = self._names.get(key)
        if name is None or name not in self:
            raise KeyError(key)
        return self[name]

    def get(self, key: str, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default


class WorkflowFailed(GleitzeitError):
    """Raised by `WorkflowResult.raise_for_status`."""

    def __init__(self, message: str, result: WorkflowResult):
        super().__init__(message)
        self.result = result


@dataclass
class WorkflowResult:
    """The results by task name (or id), and the failures likewise."""

    workflow_id: str
    name: str
    status: WorkflowStatus
    total_tasks: int
    completed_tasks: int
    failed_tasks: int
    execution_time_seconds: Optional[float] = None
    results: Dict[str, Any] = field(default_factory=dict)
    errors: Dict[str, TaskFailure] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: Mapping[str, Any], names: Optional[Mapping[str, str]] = None) -> WorkflowResult:
        failures = {
            name: TaskFailure(str(error.get("code") or ""), str(error.get("message") or ""))
            for name, error in (answer.get("errors") or {}).items()
        }
        return cls(
            workflow_id=answer["workflow_id"],
            name=answer["name"],
            status=WorkflowStatus(answer["status"]),
            total_tasks=answer["total_tasks"],
            completed_tasks=answer["completed_tasks"],
            failed_tasks=answer["failed_tasks"],
            execution_time_seconds=answer.get("execution_time_seconds"),
            results=ByTask(answer.get("results") or {}, names),
            errors=ByTask(failures, names),
        )

    @property
    def ok(self) -> bool:
        return self.status is WorkflowStatus.COMPLETED

    def raise_for_status(self) -> WorkflowResult:
        """Itself when it completed; else `WorkflowFailed` with the failures of its tasks."""
        if not self.ok:
            lines = [f"workflow {self.name} ({self.workflow_id}) {self.status.value}"]
            lines += [f"  {name}: {failure}" for name, failure in self.errors.items()]
            raise WorkflowFailed("\n".join(lines), self)
        return self
