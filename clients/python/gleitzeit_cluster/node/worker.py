"""The thread of a node: connects, serves one session after the other, and stops."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import logging
import threading
import time
from typing import Any, Dict, List, Optional

from ..core.errors import FINAL, GleitzeitError, RegistrationRefused, ServerNotTrusted, TokenRefused
from . import reports
from .backoff import Backoff
from .facts import EXTERNAL_SERVICE, NodeFacts
from .inbound import LAST_DELIVERY_SECONDS, Chooser, Inbound
from .ledger import Ledger
from .link import BACKLOG_MAX, HANDSHAKE_SECONDS, Link
from .mailbox import Mailbox, Pulse
from .reports import Attempt, Reply, Report
from .runner import Runner

log = logging.getLogger("gleitzeit_cluster")

# A registration that lasted shorter counts as a failed one: two processes that share an id push each other out, and
# must not do so as fast as they can.
STABLE_SECONDS = 1.0
# Shorter beats would only keep the server busy.
MIN_HEARTBEAT_SECONDS = 0.1


class Worker:
    """Everything below the line is done on its own thread; what is above may be called from any."""

    def __init__(self, facts: NodeFacts, chooser: Chooser, loop: asyncio.AbstractEventLoop):
        self.facts = facts
        self.ledger = Ledger(facts.max_concurrent_tasks)
        # Resolved at the first registration, or with the reason why there can be none.
        self.registered: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.stopped: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.last_error: Optional[GleitzeitError] = None
        self.registrations = 0
        self._started = time.monotonic()
        self._loop = asyncio.new_event_loop()
        self._mailbox = Mailbox(self._loop)
        self._runner = Runner(loop, self)
        self._link: Optional[Link] = None
        self._is_registered = False
        # Since they were last put into a registration.
        self._facts_changed = False
        self._stop_by: Optional[float] = None
        self._leaving = False
        self._interval = facts.heartbeat_seconds
        self._registering: Optional[asyncio.Task[None]] = None
        self._pulse: Pulse = Pulse(self._loop)
        self._inbound = Inbound(facts, self.ledger, self._runner, chooser, self._report, self._begin_stop)
        self._thread = threading.Thread(target=self._main, name=f"gleitzeit-link-{facts.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def finished(self, attempt: Attempt, report: Report) -> None:
        self._mailbox.post(self._finish, attempt, report)

    def tell_progress(self, attempt: Attempt, message: str, data: Any) -> None:
        more: Dict[str, Any] = {"progress": attempt.progress, "message": message}
        if data is not None:
            more["data"] = data
        self._mailbox.post(self._progress, attempt, "{" + attempt.members + "," + reports.encode(more)[1:])

    def tell_progress_of(self, task_id: str, workflow_id: Optional[str], progress: int, message: str) -> None:
        """For those who know the task by its id alone."""
        self._mailbox.post(self._progress_of, task_id, workflow_id, progress, message)

    def drain(self, seconds: float) -> None:
        """Takes nothing new, finishes what runs, delivers, and stops; after `seconds` it stops in any case."""
        self._mailbox.post(self._begin_drain, seconds)

    def stop(self, seconds: float) -> None:
        """Ends what runs, and goes on delivering for `seconds` at most. The first request counts."""
        self._mailbox.post(self._begin_stop, seconds)

    async def until_stopped(self) -> None:
        """On any event loop. Why it stopped is told by the future itself."""
        ended = asyncio.wrap_future(self.stopped)
        await asyncio.wait([ended])
        if not ended.cancelled():
            ended.exception()

    def register_again(self) -> None:
        """The facts have changed."""
        self._mailbox.post(self._register_soon)

    def status(self) -> Dict[str, Any]:
        ledger = self.ledger
        return {
            "connected": self._link is not None,
            "registered": self._is_registered,
            "draining": ledger.draining,
            "active_tasks": len(ledger.running),
            "max_concurrent_tasks": ledger.capacity,
            "tasks_completed": ledger.completed,
            "tasks_failed": ledger.failed,
            "tasks_cancelled": ledger.cancelled,
            "undelivered_results": len(ledger.outbox),
            "registrations": self.registrations,
            "uptime_seconds": time.monotonic() - self._started,
            "last_error": str(self.last_error) if self.last_error else None,
        }

    # ------------------------------------------------------------------------------------------------------------------

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._run())
        except BaseException as error:
            log.exception("the connection of %s has failed", self.facts.name)
            self._settle(error)
        finally:
            self._settle(None)
            self._runner.close()
            self._loop.run_until_complete(_end_tasks())
            self._loop.close()

    def _settle(self, error: Optional[BaseException]) -> None:
        for future in (self.registered, self.stopped):
            if future.done():
                continue
            if error is not None:
                future.set_exception(error)
            elif future is self.registered:
                future.set_exception(self.last_error or GleitzeitError(f"{self.facts.name} was stopped"))
            else:
                future.set_result(None)

    async def _run(self) -> None:
        backoff = Backoff()
        while True:
            try:
                await self._connect_and_serve(backoff)
                break
            except GleitzeitError as error:
                self.last_error = error
                if isinstance(error, FINAL) and not self.registrations:
                    # It will not change by itself, and somebody is looking.
                    self._settle(error)
                    return
                refused = isinstance(error, (TokenRefused, ServerNotTrusted))
                delay = backoff.after_refusal() if refused else backoff.next_delay()
                level = logging.ERROR if refused else logging.WARNING
                log.log(level, "%s: %s. Trying again in %.1f s", self.facts.name, error, delay)
            again = time.monotonic() + delay
            while not self._may_end() and time.monotonic() < again:
                await self._sleep(again)
            if self._may_end():
                break
        if len(self.ledger.outbox):
            log.error(
                "%s stopped with %d results that the server did not acknowledge",
                self.facts.name,
                len(self.ledger.outbox),
            )

    async def _connect_and_serve(self, backoff: Backoff) -> None:
        opening = self._loop.create_task(self._open(backoff.failures))
        opening.add_done_callback(lambda _: self._pulse.set())
        while not opening.done():
            if self._may_end():
                opening.cancel()
                await asyncio.gather(opening, return_exceptions=True)
                return
            await self._sleep(None)
        link = opening.result()
        began = time.monotonic()
        heartbeat = self._loop.create_task(self._beat(link, self._interval))
        try:
            await self._serve(link)
        finally:
            if time.monotonic() - began >= STABLE_SECONDS:
                backoff.reset()
            heartbeat.cancel()
            self._is_registered = False
            self._link = self._inbound.link = None
            self.ledger.outbox.connection_lost()
            await link.close()

    async def _open(self, failures: int) -> Link:
        """Connects, authenticates and registers."""
        facts = self.facts
        hello = {
            "token": facts.token or "",
            "client_type": facts.kind,
            "service_name": facts.name,
            "client_id": facts.node_id,
        }
        # Where a websocket fails the next try begins with polling, which goes on to a websocket by itself.
        first = failures % len(facts.transports)
        transports = [*facts.transports[first:], *facts.transports[:first]]
        link = await Link.open(facts.url, hello, transports, self._inbound.take, self._pulse.set)
        # Assignments may follow the answer to the registration in one piece.
        self._link = self._inbound.link = link
        try:
            await self._register(link)
        except BaseException:
            self._link = self._inbound.link = None
            await link.close()
            raise
        self.registrations += 1
        self.last_error = None
        if self._facts_changed:
            self._register_soon()
        log.info("%s is registered at %s as %s", facts.name, facts.url, facts.node_id)
        if self.ledger.draining:
            self._tell_draining(link)
        if not self.registered.done():
            self.registered.set_result(None)
        return link

    async def _register(self, link: Link) -> None:
        running = self.ledger.wanted()
        self._facts_changed = False
        payload = reports.encode(self.facts.registration(self.ledger.active()))
        answer = await link.call(
            "node:register", payload, HANDSHAKE_SECONDS, lambda answer: self._on_registered(link, answer, running)
        )
        reply = Reply(answer)
        if not reply.ok:
            raise RegistrationRefused(
                f"{self.facts.url} refused to register {self.facts.name}: {reply.message}", reply.code
            )

    def _on_registered(self, link: Link, answer: Any, running: List[Attempt]) -> None:
        """Before anything that the server sends after its answer: a new assignment is not among what it held."""
        if not Reply(answer).ok:
            return
        self._is_registered = True
        asked = answer.get("heartbeat_ms")
        limit = float(asked) / 1000 if isinstance(asked, (int, float)) and asked > 0 else self.facts.heartbeat_seconds
        self._interval = max(min(self.facts.heartbeat_seconds, limit), MIN_HEARTBEAT_SECONDS)
        held = answer.get("held")
        if isinstance(held, list):
            for attempt in self.ledger.forget_all_but([str(task_id) for task_id in held]):
                log.info("the server gave task %s up; it is ended", attempt.task_id)
                self._runner.cancel(attempt)
        # The last connection may have ended before the server heard that these were accepted.
        for attempt in running:
            if attempt.key in self.ledger.running and not attempt.forgotten:
                link.send("task:accepted", reports.accepted(attempt))

    async def _serve(self, link: Link) -> None:
        """Until the connection ends, or the node may stop."""
        while not self._may_end():
            if link.lost is not None:
                raise link.lost
            now = time.monotonic()
            if self.ledger.outbox.give_up_waiting(now):
                log.info("%s: results were not acknowledged in time and are sent again", self.facts.name)
            self._deliver(link, now)
            await self._sleep(self.ledger.outbox.next_due())

    def _deliver(self, link: Link, now: float) -> None:
        while True:
            found = self.ledger.outbox.next_to_send(now, self.facts.ack_seconds)
            if found is None:
                return
            ident, report = found
            link.send(report.event, report.payload, functools.partial(self._on_answer, link, ident))

    def _may_end(self) -> bool:
        """It is to stop, and has nothing left to deliver or no time left to deliver it."""
        if self._leaving and self.ledger.is_idle():
            return True
        return self._stop_by is not None and time.monotonic() >= self._stop_by

    async def _sleep(self, until: Optional[float]) -> None:
        """Until something happens, or one of the moments has come."""
        moments = [moment for moment in (until, self._stop_by) if moment is not None]
        await self._pulse.wait(min(moments) - time.monotonic() if moments else None)

    async def _beat(self, link: Link, interval: float) -> None:
        """Heartbeats until the session ends. A server that refuses one has forgotten the node."""

        def answered(answer: Any) -> None:
            reply = Reply(answer)
            if not reply.ok and not reply.retryable:
                link.fail(GleitzeitError(f"the heartbeat was refused: {reply.code}: {reply.message}", reply.code))

        while True:
            await asyncio.sleep(interval)
            ledger = self.ledger
            ready = "ready" if self.facts.kind == EXTERNAL_SERVICE else "busy" if ledger.running else "healthy"
            figures = {
                "status": "draining" if ledger.draining else ready,
                "tasks_completed": ledger.completed,
                "tasks_failed": ledger.failed,
                "uptime_seconds": round(time.monotonic() - self._started, 1),
            }
            beat = self.facts.heartbeat(ledger.active(), len(ledger.running), figures)
            link.send("node:heartbeat", reports.encode(beat), answered)

    def _finish(self, attempt: Attempt, report: Report) -> None:
        self.ledger.finish(attempt, report)
        self._pulse.set()

    def _report(self, report: Report) -> None:
        """The end of an attempt that was never begun."""
        if not self.ledger.outbox.holds(report.key):
            self.ledger.outbox.push(report)
            self._pulse.set()

    def _on_answer(self, link: Link, ident: int, answer: Any) -> None:
        reply = Reply(answer)
        if reply.asks_for_registration():
            link.fail(GleitzeitError(f"the server no longer knows this connection: {reply.message}", reply.code))
            return
        if not reply.ok and reply.retryable:
            log.info("the server takes a result later: %s: %s", reply.code, reply.message)
            self.ledger.outbox.retry_later(ident, time.monotonic(), reply.retry_after)
        else:
            report = self.ledger.outbox.remove(ident)
            if report is not None:
                self.ledger.delivered(report)
                if not reply.ok:
                    self._on_refusal(report, reply)
        self._pulse.set()

    def _on_refusal(self, report: Report, reply: Reply) -> None:
        """The server will never take this report: another attempt, or the end of the task, was faster."""
        log.warning(
            "the server refused the report of task %s for good: %s: %s", report.key[0], reply.code, reply.message
        )
        if reply.blames_the_content() and report.outcome == reports.COMPLETED:
            self.ledger.outbox.push(reports.unusable(report, reply))

    def _progress(self, attempt: Attempt, payload: str) -> None:
        ready = self._is_registered and self._link is not None and self._link.backlog < BACKLOG_MAX
        if ready and self._link is not None and not attempt.forgotten:
            self._link.send("task:progress", payload)

    def _progress_of(self, task_id: str, workflow_id: Optional[str], progress: int, message: str) -> None:
        for attempt in self.ledger.matching(task_id, workflow_id, None):
            attempt.progress = progress
            more = reports.encode({"progress": progress, "message": message})
            self._progress(attempt, "{" + attempt.members + "," + more[1:])

    def _tell_draining(self, link: Link) -> None:
        link.send("node:status", reports.encode({"node_id": self.facts.node_id, "status": "draining"}))

    def _begin_drain(self, seconds: float) -> None:
        if not self._leaving:
            self._leaving = self.ledger.draining = True
            self._loop.call_later(seconds, self._begin_stop, LAST_DELIVERY_SECONDS)
            if self._link is not None:
                self._tell_draining(self._link)
        self._pulse.set()

    def _begin_stop(self, seconds: float) -> None:
        if self._stop_by is None:
            self._leaving = self.ledger.draining = True
            self._stop_by = time.monotonic() + seconds
            for attempt in list(self.ledger.running.values()):
                self._runner.cancel(attempt)
        self._pulse.set()

    def _register_soon(self) -> None:
        # While a registration is under way its facts are on the wire already; it is followed by another one.
        self._facts_changed = True
        if self._link is not None and self._is_registered:
            # Kept here: the loop itself has only a weak reference.
            self._registering = self._loop.create_task(self._register_on(self._link))

    async def _register_on(self, link: Link) -> None:
        try:
            await self._register(link)
        except GleitzeitError as error:
            link.fail(error)


async def _end_tasks() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
