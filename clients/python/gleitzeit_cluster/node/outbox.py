"""Reports that the server has not acknowledged yet. Pure: time is an argument.

Nothing is ever dropped from here to make room. The node refuses new tasks instead while the outbox is full.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import Deque, Dict, List, Optional, Tuple

from .reports import Report, size_of

# Reports under way at once. With an answer after 1 ms this allows 512,000 a second, and a slow line is not flooded with
# more than it can carry before the acknowledgements are due.
WINDOW = 512
# At capacity 10 an outage of hours does not come near: a node runs what it holds and gets nothing new.
MAX_REPORTS = 10_000
# Together with one result limit for each running task this bounds the memory of an outage.
MAX_BYTES = 256 * 1024 * 1024
# A server that says "later" is asked again after this, doubling.
RETRY_BASE_SECONDS = 1.0
RETRY_CAP_SECONDS = 30.0

Key = Tuple[str, str, int]


class _Entry:
    __slots__ = ("due", "refusals", "report")

    def __init__(self, report: Report):
        self.report = report
        self.refusals = 0
        # When its acknowledgement is late; nothing while it is not under way.
        self.due: Optional[float] = None


class Outbox:
    """Reports by the order in which they were made."""

    def __init__(self) -> None:
        self._entries: Dict[int, _Entry] = {}
        self._by_attempt: Dict[Key, int] = {}
        self._ready: Deque[int] = deque()
        self._delayed: List[Tuple[float, int]] = []
        self._sent: Deque[Tuple[float, int]] = deque()
        self._in_flight = 0
        self._bytes = 0
        self._next = 0

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, report: Report) -> None:
        ident, self._next = self._next, self._next + 1
        self._bytes += size_of(report.payload)
        self._by_attempt[report.key] = ident
        self._entries[ident] = _Entry(report)
        self._ready.append(ident)

    def next_to_send(self, now: float, ack_seconds: float) -> Optional[Tuple[int, Report]]:
        """The next report to send, if the window allows one."""
        while self._delayed and self._delayed[0][0] <= now:
            self._ready.append(heapq.heappop(self._delayed)[1])
        while self._ready and self._in_flight < WINDOW:
            ident = self._ready.popleft()
            entry = self._entries.get(ident)
            if entry is None:
                continue
            entry.due = now + ack_seconds
            self._sent.append((entry.due, ident))
            self._in_flight += 1
            return ident, entry.report
        return None

    def give_up_waiting(self, now: float) -> int:
        """Reports whose acknowledgement is late are sent again; how many."""
        late = 0
        while self._sent:
            due, ident = self._sent[0]
            entry = self._entries.get(ident)
            if entry is None or entry.due != due:
                self._sent.popleft()
                continue
            if due > now:
                break
            self.retry_later(ident, now, 0.0)
            late += 1
        return late

    def next_due(self) -> Optional[float]:
        """When something has to be done if nothing else happens."""
        dues = [heap[0][0] for heap in (self._delayed, self._sent) if heap]
        return min(dues) if dues else None

    def remove(self, ident: int) -> Optional[Report]:
        """The server has it, or will never take it."""
        entry = self._entries.pop(ident, None)
        if entry is None:
            return None
        if entry.due is not None:
            self._in_flight -= 1
        report = entry.report
        self._bytes -= size_of(report.payload)
        if self._by_attempt.get(report.key) == ident:
            del self._by_attempt[report.key]
        return report

    def retry_later(self, ident: int, now: float, at_least: float) -> None:
        """The server cannot take it now, or has not answered in time."""
        entry = self._entries.get(ident)
        if entry is None or entry.due is None:
            return
        doubled = RETRY_BASE_SECONDS * 2.0 ** min(entry.refusals, 30)
        delay = min(max(doubled, at_least), RETRY_CAP_SECONDS)
        entry.refusals += 1
        entry.due = None
        self._in_flight -= 1
        heapq.heappush(self._delayed, (now + delay, ident))

    def connection_lost(self) -> None:
        """Whatever was under way may not have arrived: all of it is sent again, oldest first."""
        self._delayed.clear()
        self._sent.clear()
        self._in_flight = 0
        self._ready = deque(self._entries)
        for entry in self._entries.values():
            entry.due = None

    def holds(self, key: Key) -> bool:
        return key in self._by_attempt

    def reports(self) -> List[Report]:
        return [entry.report for entry in self._entries.values()]

    def has_room(self, running: int) -> bool:
        """Whether one more task may be accepted while `running` others will report sooner or later."""
        return len(self._entries) + running < MAX_REPORTS and self._bytes < MAX_BYTES
