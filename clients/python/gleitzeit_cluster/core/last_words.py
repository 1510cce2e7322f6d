"""What a program says that ends by an error which nobody has caught."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Optional, Type

from .errors import FINAL


def say_in_one_line() -> None:
    """From now on an error that somebody has to mend outside of the program is told by its own words: where in the
    program it came from helps nobody. All other errors, and those behind which there is another one, keep their
    traceback. A program with an `excepthook` of its own keeps that."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _last_words


def _last_words(kind: Type[BaseException], error: BaseException, trace: Optional[TracebackType]) -> None:
    behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if isinstance(error, FINAL) and behind is None:
        print(f"error: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
