"""What the server asks of a node: tasks to do, tasks to stop, and to leave."""

from __future__ import annotations

import logging
from typing import Any, Callable, Dict, List, Optional, Protocol

from . import reports
from .facts import NodeFacts
from .handlers import Bound
from .ledger import Admission, Ledger
from .link import Link
from .reports import Attempt, Report
from .runner import Runner

log = logging.getLogger("gleitzeit_cluster")

# How long a node that has to stop may go on delivering.
LAST_DELIVERY_SECONDS = 5.0


class Chooser(Protocol):
    """Knows the handler of an assignment."""

    def choose(self, assignment: Dict[str, Any], capabilities: List[str]) -> Optional[Bound]: ...


class Inbound:
    """On the connection's thread."""

    def __init__(
        self,
        facts: NodeFacts,
        ledger: Ledger,
        runner: Runner,
        chooser: Chooser,
        report: Callable[[Report], None],
        stop: Callable[[float], None],
    ):
        self.link: Optional[Link] = None
        self._facts = facts
        self._ledger = ledger
        self._runner = runner
        self._chooser = chooser
        self._report = report
        self._stop = stop
        self._node_members = f'"node_id":{reports.encode(facts.node_id)},"service_name":{reports.encode(facts.name)}'

    def take(self, name: str, data: Any) -> None:
        """One event. The server tells everybody about every node; a service has no use for that."""
        if name == "task:assign":
            self._assign(data)
        elif name == "task:cancel":
            self._cancel(data)
        elif name == "cluster:shutdown":
            self._shutdown(data)

    def _assign(self, data: Any) -> None:
        link = self.link
        if link is None or not isinstance(data, dict) or "task_id" not in data:
            log.warning("an assignment cannot be taken; the server will give it to another")
            return
        attempt = Attempt(data, self._node_members)
        bound = self._chooser.choose(data, self._facts.capabilities)
        if bound is None:
            wanted = data.get("external_task_type") or data.get("task_type")
            self._report(reports.without_handler(attempt, str(wanted)))
            return
        admission, earlier = self._ledger.admit(attempt)
        for outdated in earlier:
            self._runner.cancel(outdated)
        if admission is Admission.START:
            link.send("task:accepted", reports.accepted(attempt))
            self._runner.start(attempt, bound)
        elif admission is Admission.ALREADY_RUNNING:
            link.send("task:accepted", reports.accepted(attempt))
        elif admission is Admission.AT_CAPACITY:
            link.send("task:failed", reports.refused(attempt, self._facts.at_capacity))
        else:
            log.info("an assignment of task %s was ignored: %s", attempt.task_id, admission.value)

    def _cancel(self, data: Any) -> None:
        if not isinstance(data, dict) or "task_id" not in data:
            return
        for attempt in self._ledger.matching(str(data["task_id"]), data.get("workflow_id"), data.get("attempt")):
            self._runner.cancel(attempt)

    def _shutdown(self, data: Any) -> None:
        """Before a restart of the server nothing needs to be done: the connection will end and come back."""
        given = data if isinstance(data, dict) else {}
        log.info("%s: the server shuts down: %s", self._facts.name, given.get("reason") or "no reason was given")
        if not given.get("restart"):
            self._stop(LAST_DELIVERY_SECONDS)
