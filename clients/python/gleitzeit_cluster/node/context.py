"""What a handler knows about its task, and its way to tell how far it is."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Dict, Optional

from ..core.errors import TaskCancelled
from .reports import Attempt

if TYPE_CHECKING:
    from .worker import Worker

log = logging.getLogger("gleitzeit_cluster")


class TaskContext:
    """The optional second argument of a handler. All of it may be used from any thread, and nothing of it waits.

    Progress, log lines and streamed data are for onlookers: they are dropped while the server cannot be reached.
    """

    def __init__(self, attempt: Attempt, worker: Worker):
        self._attempt = attempt
        self._worker = worker
        data = attempt.data
        seconds = data.get("external_timeout", data.get("timeout"))
        self._until = time.monotonic() + float(seconds) if isinstance(seconds, (int, float)) else None

    @property
    def data(self) -> Dict[str, Any]:
        """The whole assignment, which is also the first argument of the handler."""
        return self._attempt.data

    @property
    def parameters(self) -> Dict[str, Any]:
        """The parameters for the service where there are any, else those of the task."""
        found = self.data.get("external_parameters")
        if found is None:
            found = self.data.get("parameters")
        return found if isinstance(found, dict) else {}

    @property
    def task_id(self) -> str:
        return self._attempt.task_id

    @property
    def workflow_id(self) -> str:
        return self._attempt.workflow_id

    @property
    def task_name(self) -> str:
        return str(self.data.get("task_name") or "")

    @property
    def attempt(self) -> int:
        """Which try of the task this is, from 1."""
        return self._attempt.number or 1

    @property
    def idempotency_key(self) -> str:
        """The same for every try of this task, and for no other task: makes side effects idempotent."""
        return f"{self.workflow_id}/{self.task_id}"

    @property
    def traceparent(self) -> Optional[str]:
        """The trace that the submitter began, in the W3C format."""
        found = self.data.get("traceparent")
        return str(found) if found else None

    @property
    def cancelled(self) -> bool:
        """Whether the result is no longer wanted. An async handler is cancelled by itself; a blocking one asks."""
        return self._attempt.cancelled

    def check(self) -> None:
        """Raises `TaskCancelled` once the task is cancelled; for the inside of a long loop."""
        if self._attempt.cancelled:
            raise TaskCancelled(self.task_id)

    @property
    def deadline(self) -> Optional[float]:
        """When the server will cancel this attempt, as `time.time()` counts; nothing where there is no limit."""
        left = self.remaining()
        return None if left is None else time.time() + left

    def remaining(self) -> Optional[float]:
        """The seconds until the deadline, below zero after it."""
        return None if self._until is None else self._until - time.monotonic()

    def progress(self, percent: float, message: str = "", data: Any = None) -> None:
        """Tells watchers how far the task is, from 0 to 100, with an optional piece of its output."""
        self._attempt.progress = max(0, min(100, int(percent)))
        self._worker.tell_progress(self._attempt, message, data)

    def log(self, message: str) -> None:
        """A line for the log of this program and for watchers."""
        log.info("%s: %s", self.task_name or self.task_id, message)
        self._worker.tell_progress(self._attempt, message, None)

    def stream(self, data: Any) -> None:
        """A piece of the output, such as a token, for watchers. Never stored."""
        self._worker.tell_progress(self._attempt, "", data)
