"""Calls from other threads, and cheap waiting, on one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Callable, Deque, Optional, Tuple


class Mailbox:
    """Carries calls out on an event loop, in their order. However many are waiting, the loop is woken once."""

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self._loop = loop
        self._calls: Deque[Tuple[Callable[..., Any], Tuple[Any, ...]]] = deque()
        self._woken = False

    def post(self, call: Callable[..., Any], *arguments: Any) -> bool:
        """From any thread. Whether the loop is still there to do it."""
        self._calls.append((call, arguments))
        if self._woken:
            return True
        self._woken = True
        try:
            self._loop.call_soon_threadsafe(self._run)
        except RuntimeError:
            # The loop is closed: its program is ending.
            return False
        return True

    def _run(self) -> None:
        # Before the calls are taken: whoever posts from now on wakes the loop again.
        self._woken = False
        for _ in range(len(self._calls)):
            call, arguments = self._calls.popleft()
            try:
                call(*arguments)
            except Exception as error:
                self._loop.call_exception_handler({"message": "a call from another thread failed", "exception": error})


class Pulse:
    """Wakes one waiting coroutine. Unlike an event with a timeout it makes no task of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self._loop = loop
        self._future: Optional[asyncio.Future[None]] = None
        self._set = False

    def set(self) -> None:
        self._set = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def wait(self, seconds: Optional[float]) -> None:
        """Until it is set, or the time is over; for ever without one."""
        if not self._set:
            self._future = self._loop.create_future()
            timer = None if seconds is None else self._loop.call_later(max(seconds, 0.0), self.set)
            try:
                await self._future
            finally:
                self._future = None
                if timer is not None:
                    timer.cancel()
        self._set = False
