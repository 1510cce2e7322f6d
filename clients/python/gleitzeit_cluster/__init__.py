"""Gleitzeit in Python: services that take tasks, and programs that submit workflows."""

from .core.cluster import GleitzeitCluster
from .core.errors import (
    ApiError,
    Fatal,
    GleitzeitError,
    NotAGleitzeitServer,
    NotFound,
    PermissionDenied,
    RegistrationRefused,
    Retryable,
    ServerNotTrusted,
    ServerStartFailed,
    ServerTooOld,
    ServerUnreachable,
    TaskCancelled,
    TaskError,
    TokenRefused,
    WaitTimeout,
)
from .core.external_service_node import ExternalServiceCapability, ExternalServiceNode
from .core.result import TaskFailure, WorkflowFailed, WorkflowResult, WorkflowStatus
from .core.task import (
    RetryPolicy,
    Task,
    TaskParameters,
    TaskPriority,
    TaskRequirements,
    TaskStatus,
    TaskType,
)
from .core.workflow import Workflow, WorkflowErrorStrategy
from .node.context import TaskContext
from .sync import SyncGleitzeitCluster
from .version import __version__

# The name that other languages use.
ErrorStrategy = WorkflowErrorStrategy

__all__ = [
    "ApiError",
    "ErrorStrategy",
    "ExternalServiceCapability",
    "ExternalServiceNode",
    "Fatal",
    "GleitzeitCluster",
    "GleitzeitError",
    "NotAGleitzeitServer",
    "NotFound",
    "PermissionDenied",
    "RegistrationRefused",
    "RetryPolicy",
    "Retryable",
    "ServerNotTrusted",
    "ServerStartFailed",
    "ServerTooOld",
    "ServerUnreachable",
    "SyncGleitzeitCluster",
    "Task",
    "TaskCancelled",
    "TaskContext",
    "TaskError",
    "TaskFailure",
    "TaskParameters",
    "TaskPriority",
    "TaskRequirements",
    "TaskStatus",
    "TaskType",
    "TokenRefused",
    "WaitTimeout",
    "Workflow",
    "WorkflowErrorStrategy",
    "WorkflowFailed",
    "WorkflowResult",
    "WorkflowStatus",
    "__version__",
]
