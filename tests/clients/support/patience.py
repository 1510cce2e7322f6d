"""How long tests wait for what must come."""

import asyncio
import time

# Bounds every wait. What is waited for comes in moments on a quiet machine; no test may depend on how quiet it is.
PATIENCE = 120


async def until(condition, what: str, explain=None, seconds: float = PATIENCE) -> None:
    """Waits for a condition, plain or async, and says what did not happen."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return
        if time.monotonic() > deadline:
            told = f" ({await explain()})" if explain else ""
            raise AssertionError(f"not within {seconds} s: {what}{told}")
        await asyncio.sleep(0.02)
