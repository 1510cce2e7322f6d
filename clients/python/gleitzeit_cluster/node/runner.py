"""Runs handlers: async ones on the program's event loop, blocking ones on threads of their own."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any, Set

from ..core.errors import Fatal, Retryable, TaskCancelled
from . import reports
from .context import TaskContext
from .handlers import Bound
from .mailbox import Mailbox
from .pool import Pool
from .reports import Attempt, Report

if TYPE_CHECKING:
    from .worker import Worker

log = logging.getLogger("gleitzeit_cluster")


class Runner:
    """Every attempt that is started ends with exactly one call of `Worker.finished`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, worker: Worker):
        self._loop = loop
        self._worker = worker
        self._mailbox = Mailbox(loop)
        self._pool = Pool(f"gleitzeit-{worker.facts.name}")
        # The loop itself keeps only weak references to tasks.
        self._tasks: Set[asyncio.Task[Report]] = set()

    def start(self, attempt: Attempt, bound: Bound) -> None:
        """From the connection's thread."""
        if not bound.asynchronous:
            self._pool.submit(self._run_blocking, attempt, bound)
        elif not self._mailbox.post(self._launch, attempt, bound):
            self._worker.finished(attempt, reports.cancelled(attempt))

    def cancel(self, attempt: Attempt) -> None:
        """From the connection's thread. A handler that blocks sees it in its context, and may end when it likes."""
        attempt.cancelled = True
        self._mailbox.post(self._interrupt, attempt)

    def close(self) -> None:
        self._pool.close()

    def _launch(self, attempt: Attempt, bound: Bound) -> None:
        task = self._loop.create_task(self._run(attempt, bound))
        attempt.task = task
        self._tasks.add(task)
        # Not in the coroutine itself, which never begins when it is cancelled at once.
        task.add_done_callback(lambda ended: self._ended(attempt, ended))
        if attempt.cancelled:
            task.cancel()

    def _ended(self, attempt: Attempt, task: asyncio.Task[Report]) -> None:
        self._tasks.discard(task)
        attempt.task = None
        if task.cancelled():
            # If not we but the program ends it, the attempt is lost for the server, and goes elsewhere.
            report = reports.cancelled(attempt)
        else:
            error = task.exception()
            report = task.result() if error is None else reports.failed(attempt, error)
        self._worker.finished(attempt, report)

    @staticmethod
    def _interrupt(attempt: Attempt) -> None:
        if attempt.task is not None:
            attempt.task.cancel()

    def _arguments(self, attempt: Attempt, bound: Bound) -> Any:
        if bound.with_context:
            return attempt.data, TaskContext(attempt, self._worker)
        return (attempt.data,)

    async def _run(self, attempt: Attempt, bound: Bound) -> Report:
        try:
            result = await bound.call(*self._arguments(attempt, bound))
        except Exception as error:
            return self._failure(attempt, error)
        return self._end(attempt, result)

    def _run_blocking(self, attempt: Attempt, bound: Bound) -> None:
        report = reports.cancelled(attempt)
        try:
            if not attempt.cancelled:
                result = bound.call(*self._arguments(attempt, bound))
                if inspect.isawaitable(result):
                    # A plain function that hands out a coroutine, for instance a lambda around an async one.
                    result = asyncio.run_coroutine_threadsafe(_awaited(result), self._loop).result()
                report = self._end(attempt, result)
        except Exception as error:
            report = self._failure(attempt, error)
        except BaseException as error:
            # `sys.exit` in a handler ends its task and not the service.
            report = reports.failed(attempt, Fatal(f"the handler wanted to end its process: {error!r}"))
        finally:
            self._worker.finished(attempt, report)

    @staticmethod
    def _end(attempt: Attempt, result: Any) -> Report:
        # A result that nobody wants any more confirms the cancellation all the same.
        return reports.cancelled(attempt) if attempt.cancelled else reports.completed(attempt, result)

    @staticmethod
    def _failure(attempt: Attempt, error: Exception) -> Report:
        if attempt.cancelled or isinstance(error, TaskCancelled):
            return reports.cancelled(attempt)
        expected = isinstance(error, (Retryable, Fatal))
        log.warning("task %s has failed: %s", attempt.task_id, error, exc_info=None if expected else error)
        return reports.failed(attempt, error)


async def _awaited(result: Any) -> Any:
    return await result
