"""How long to wait before the next attempt to connect."""

from __future__ import annotations

import random

# The first delays are short, because most interruptions are restarts of the server.
BASE_SECONDS = 0.25
# A server that comes back is found again within this time.
CAP_SECONDS = 15.0
# A key that was good may be so again, when its user gets the role back or the right data directory is served, but
# seldom soon; and each try counts as a wrong key of this address.
REFUSED_SECONDS = 30.0


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
        return _spread(step)

    def after_refusal(self) -> float:
        """The same for a key that the server refuses."""
        self.failures += 1
        return _spread(REFUSED_SECONDS)


def _spread(seconds: float) -> float:
    return seconds * (0.5 + random.random() / 2)
