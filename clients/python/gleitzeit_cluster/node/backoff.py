"""How long to wait before the next attempt to connect."""

from __future__ import annotations

import random

# The first delays are short, because most interruptions are restarts of the server.
BASE_SECONDS = 0.25
# A server that comes back is found again within this time.
CAP_SECONDS = 15.0


class Backoff:
    """Doubles up to a cap. The failures are counted since the last success."""

    def __init__(self) -> None:
        self.failures = 0

    def reset(self) -> None:
        self.failures = 0

    def next_delay(self) -> float:
        """Between a half and the whole of the step: services that fell together do not return together."""
        step = min(BASE_SECONDS * 2.0 ** min(self.failures, 30), CAP_SECONDS)
        self.failures += 1
        return step * (0.5 + random.random() / 2)
