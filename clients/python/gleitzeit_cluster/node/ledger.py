"""What the node holds: running attempts, unacknowledged reports, counters. Touched by the connection's thread alone.

The server compares `active` with its grants. So an attempt is in here before its acceptance is sent, a heartbeat is
composed and handed on in one go, and a result moves from the running to the outbox without a moment in between.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from typing import Any, Dict, List, Optional, Tuple

from .outbox import Key, Outbox
from .reports import COMPLETED, FAILED, Attempt, Report

# Finished attempts that are still recognised when they are assigned once more.
RECENT_ATTEMPTS = 1024


class Admission(enum.Enum):
    """What to do with an assignment."""

    START = "start"
    # The very attempt is running: the server may have missed that it was accepted.
    ALREADY_RUNNING = "already running"
    # The very attempt has ended here; its report is delivered or on its way.
    ALREADY_ENDED = "already ended"
    # A later attempt is running.
    OUTDATED = "outdated"
    AT_CAPACITY = "at capacity"


class Ledger:
    def __init__(self, capacity: int):
        self.capacity = capacity
        self.running: Dict[Key, Attempt] = {}
        self._by_task: Dict[Tuple[str, str], Dict[int, Attempt]] = {}
        self.outbox = Outbox()
        self._recent: OrderedDict[Key, None] = OrderedDict()
        self.draining = False
        self.completed = 0
        self.failed = 0
        self.cancelled = 0

    def admit(self, attempt: Attempt) -> Tuple[Admission, List[Attempt]]:
        """The verdict, and the earlier attempts of the same task that must end for it."""
        key = attempt.key
        if key in self.running:
            return Admission.ALREADY_RUNNING, []
        if self.outbox.holds(key) or key in self._recent:
            return Admission.ALREADY_ENDED, []
        others = self._by_task.get(key[:2], {})
        if any(number > key[2] for number in others):
            return Admission.OUTDATED, []
        # The server has given the earlier ones up, or it would not assign the task again.
        earlier = list(others.values())
        if self.draining or len(self.running) >= self.capacity or not self.outbox.has_room(len(self.running)):
            return Admission.AT_CAPACITY, earlier
        self.running[key] = attempt
        self._by_task.setdefault(key[:2], {})[key[2]] = attempt
        return Admission.START, earlier

    def finish(self, attempt: Attempt, report: Report) -> None:
        """The end of an attempt, from the running to the outbox in one step."""
        if self.running.pop(attempt.key, None) is None:
            return
        of_task = self._by_task.get(attempt.key[:2], {})
        of_task.pop(attempt.key[2], None)
        if not of_task:
            self._by_task.pop(attempt.key[:2], None)
        if report.outcome == COMPLETED:
            self.completed += 1
        elif report.outcome == FAILED:
            self.failed += 1
        else:
            self.cancelled += 1
        # What it was asked need not be kept for as long as the report is.
        attempt.data = {}
        if not attempt.forgotten:
            self.outbox.push(report)

    def delivered(self, report: Report) -> None:
        self._recent[report.key] = None
        if len(self._recent) > RECENT_ATTEMPTS:
            self._recent.popitem(last=False)

    def matching(self, task_id: str, workflow_id: Optional[str], number: Optional[int]) -> List[Attempt]:
        """The running attempts that a `task:cancel` means. Old servers name the task only."""
        return [
            attempt
            for attempt in self.running.values()
            if attempt.task_id == task_id
            and (workflow_id is None or attempt.workflow_id == workflow_id)
            and (number is None or attempt.number is None or attempt.number == number)
        ]

    def wanted(self) -> List[Attempt]:
        """The running attempts whose end the server waits for."""
        return [attempt for attempt in self.running.values() if not attempt.forgotten]

    def forget_all_but(self, held: List[str]) -> List[Attempt]:
        """The attempts that the server does not know of any more. Nobody waits for them."""
        known = set(held)
        forgotten = [attempt for attempt in self.wanted() if attempt.task_id not in known]
        for attempt in forgotten:
            attempt.forgotten = True
        return forgotten

    def active(self) -> List[Dict[str, Any]]:
        """Everything that the server must not take for lost, results on their way included."""
        return [attempt.name() for attempt in self.running.values()] + [
            report.attempt.name() for report in self.outbox.reports()
        ]

    def is_idle(self) -> bool:
        """Nothing runs and everything is delivered."""
        return not self.running and not len(self.outbox)
