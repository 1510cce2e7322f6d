"""Figures that were reached, beside those that are promised. pytest shows them at its end, by the hook below.

Its assertions speak for themselves: PYTEST_DONT_REWRITE
"""

import os
from statistics import quantiles

LINES: list[str] = []
# A busy machine, or a build without optimisation, makes things slow and breaks no promise: times that are too long are
# shown. Whoever measures a release build on a quiet machine sets this, and then they fail.
STRICT = os.environ.get("GLEITZEIT_LONG_STRICT") == "1"


def noted(promise: str, what: str) -> None:
    LINES.append(f"{promise:4} {what}")


def timed(promise: str, what: str, reached: float, unit: str, at_most: float | None = None) -> None:
    """Keeps a figure that depends on how fast the machine is."""
    line = _line(promise, what, reached, unit, at_most)
    assert not STRICT or at_most is None or reached <= at_most, line


def sized(promise: str, what: str, reached: float, unit: str, at_most: float, fails_at: float) -> None:
    """Keeps a figure that does not depend on how fast the machine is."""
    line = _line(promise, what, reached, unit, at_most)
    assert reached <= (at_most if STRICT else fails_at), line


def _line(promise: str, what: str, reached: float, unit: str, at_most: float | None) -> str:
    line = f"{promise:4} {what}: {reached:,.2f} {unit}"
    if at_most is not None:
        line += f" (promised: at most {at_most:g} {unit})"
        line += "" if reached <= at_most else "  <<< ABOVE"
    LINES.append(line)
    return line


def p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]


def pytest_terminal_summary(terminalreporter) -> None:
    terminalreporter.section("figures reached")
    for line in LINES:
        terminalreporter.write_line(line)
