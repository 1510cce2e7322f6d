"""Threads for handlers that block."""

from __future__ import annotations

import queue
import threading
from typing import Any, Callable, Optional, Tuple


class Pool:
    """Starts threads when they are needed. They are daemons: a handler that never returns does not keep the program
    from ending. The number is bounded by whoever submits, which is the node with its capacity."""

    def __init__(self, name: str):
        self._name = name
        self._work: queue.SimpleQueue[Optional[Tuple[Callable[..., Any], Tuple[Any, ...]]]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._free = 0
        self._started = 0

    def submit(self, call: Callable[..., Any], *arguments: Any) -> None:
        """`call` must not raise."""
        with self._lock:
            if self._free > 0:
                self._free -= 1
            else:
                self._started += 1
                threading.Thread(target=self._run, name=f"{self._name}-{self._started}", daemon=True).start()
        self._work.put((call, arguments))

    def close(self) -> None:
        """Its threads end once they have nothing to do. Nothing is submitted any more."""
        with self._lock:
            for _ in range(self._started):
                self._work.put(None)

    def _run(self) -> None:
        while True:
            work = self._work.get()
            if work is None:
                return
            call, arguments = work
            call(*arguments)
            # Not kept alive by this frame while the thread waits.
            del work, call, arguments
            with self._lock:
                self._free += 1
