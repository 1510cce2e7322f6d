"""What a node says about an attempt, encoded once, and what the server answers."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import pathlib
import re
import uuid
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Dict, List, Optional, Tuple, Union

from ..core.errors import Fatal, TaskError

CANCELLED = "Task cancelled"

# The server takes results of 8 MiB in messages of 16 MiB. What it refuses with words need not be looked for here; a
# message that it does not even take would cost the connection, again and again after each reconnect.
LARGEST_PAYLOAD_BYTES = 12 * 1024 * 1024

# What is left of the message of a failure that is too large to be sent.
LONG_MESSAGE_CHARS = 4096

PAYLOAD_TOO_LARGE = "GZ7002"
INVALID_ARGUMENT = "GZ7001"
NOT_REGISTERED = "GZ7020"
AUTHENTICATION_REQUIRED = "GZ4001"


def _plain(value: Any) -> Any:
    """What JSON makes of the common things that it does not know."""
    if hasattr(value, "tolist"):
        # Arrays and numbers of numpy and its relatives.
        return value.tolist()
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, (uuid.UUID, pathlib.PurePath)):
        return str(value)
    raise TypeError(f"an object of type {type(value).__name__} has no form in JSON")


def _number(value: Decimal) -> Union[int, float]:
    """A number with the same digits. Money and measurements are not rounded in silence."""
    number = float(value)
    # Beyond the range of floats, and where there is no number, the encoder refuses by itself.
    if not math.isfinite(number) or Decimal(repr(number)) == value:
        return number
    if value == value.to_integral_value():
        return int(value)
    raise ValueError(f"{value!r} has more digits than a float keeps; return it as text, with str()")


# A key that was no text, or one that looks like it. JSON has only texts, so `1` and `"1"` become the same key.
_ODD_KEY = re.compile(r'"(?:-?[0-9][0-9.e+-]*|true|false|null)":')


def _refuse_same_keys(pairs: List[Tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise ValueError(f'two keys of a dictionary are "{key}" in JSON; one of the values would be lost')
        seen.add(key)


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain).encode
_encode_ascii = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"), default=_plain).encode


def encode(value: Any) -> str:
    """JSON text that can be sent. Raises `TypeError` or `ValueError` for what has no form in JSON."""
    text = _encode(value)
    if _ODD_KEY.search(text):
        json.loads(text, object_pairs_hook=_refuse_same_keys)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair: escaped it is text again.
        return _encode_ascii(value)
    return text


def size_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


class Attempt:
    """One try of a task that was given to this node."""

    __slots__ = ("cancelled", "data", "forgotten", "members", "number", "progress", "task", "task_id", "workflow_id")

    def __init__(self, data: Dict[str, Any], node_members: str):
        self.task_id = str(data["task_id"])
        self.workflow_id = str(data.get("workflow_id") or "")
        number = data.get("attempt")
        # Servers without attempts are answered without them.
        self.number: Optional[int] = number if isinstance(number, int) else None
        self.data = data
        named = f'"task_id":{encode(self.task_id)},"workflow_id":{encode(self.workflow_id)}'
        if self.number is not None:
            named += f',"attempt":{self.number}'
        # What every report of this attempt says, without the braces.
        self.members = f"{named},{node_members}"
        self.cancelled = False
        # Nobody waits for the end of an attempt that the server has given up.
        self.forgotten = False
        self.task: Any = None
        self.progress = 0

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.task_id, self.workflow_id, self.number or 0)

    def name(self) -> Dict[str, Any]:
        """As it is listed in `active`."""
        named: Dict[str, Any] = {"task_id": self.task_id, "workflow_id": self.workflow_id}
        if self.number is not None:
            named["attempt"] = self.number
        return named


COMPLETED, FAILED, STOPPED = "completed", "failed", "cancelled"


class Report:
    """The end of an attempt, kept until the server has it."""

    __slots__ = ("attempt", "event", "outcome", "payload")

    def __init__(self, attempt: Attempt, event: str, payload: str, outcome: str):
        self.attempt = attempt
        self.event = event
        self.payload = payload
        self.outcome = outcome

    @property
    def key(self) -> tuple[str, str, int]:
        return self.attempt.key


def accepted(attempt: Attempt) -> str:
    return "{" + attempt.members + "}"


def refused(attempt: Attempt, error: str) -> str:
    return "{" + attempt.members + ',"error":' + encode(error) + "}"


def completed(attempt: Attempt, result: Any) -> Report:
    """The result, or a failure that says why it cannot be one."""
    try:
        text = encode(result)
    except (TypeError, ValueError, RecursionError) as error:
        return failed(attempt, Fatal(f"the result cannot be sent as JSON: {error}"))
    bytes_ = size_of(text)
    if bytes_ > LARGEST_PAYLOAD_BYTES:
        message = (
            f"the result of {bytes_} bytes is larger than a message may be; store it elsewhere and return a reference"
        )
        return failed(attempt, Fatal(message, code=PAYLOAD_TOO_LARGE))
    return Report(attempt, "task:completed", "{" + attempt.members + ',"result":' + text + "}", COMPLETED)


def failed(attempt: Attempt, error: BaseException) -> Report:
    return Report(attempt, "task:failed", _failure(attempt.members, error), FAILED)


def without_handler(attempt: Attempt, wanted: str) -> Report:
    error = f"No handler registered for task type: {wanted}"
    return Report(attempt, "task:failed", refused(attempt, error), FAILED)


def cancelled(attempt: Attempt) -> Report:
    return Report(attempt, "task:failed", refused(attempt, CANCELLED), STOPPED)


def unusable(report: Report, reply: Reply) -> Report:
    """Stands in for a result that the server cannot take, so that the task ends and says why."""
    return failed(report.attempt, Fatal(f"the server cannot take the result: {reply.message}", code=reply.code))


def _failure(members: str, error: BaseException) -> str:
    more: Dict[str, Any] = {"error": message_of(error)}
    if isinstance(error, TaskError):
        if error.code is not None:
            more["code"] = error.code
        if error.retryable is not None:
            more["retryable"] = error.retryable
        if error.after is not None:
            more["retry_after_ms"] = max(int(error.after * 1000), 0)
        if error.details is not None:
            more["details"] = error.details
    else:
        more["details"] = {"exception": type(error).__name__}
    try:
        text = encode(more)
    except (TypeError, ValueError, RecursionError):
        more["details"] = repr(more.get("details"))[:LONG_MESSAGE_CHARS]
        text = encode(more)
    if size_of(text) > LARGEST_PAYLOAD_BYTES:
        more.pop("details", None)
        more["error"] = more["error"][:LONG_MESSAGE_CHARS]
        text = encode(more)
    return "{" + members + "," + text[1:]


def message_of(error: BaseException) -> str:
    """The words of an exception, or its kind where it has none."""
    text = str(error)
    if isinstance(error, KeyError):
        return f"KeyError: {text}"
    return text or type(error).__name__


class Reply:
    """An acknowledgement: whether the server has taken what was sent."""

    __slots__ = ("code", "message", "ok", "retry_after", "retryable")

    def __init__(self, answer: Any):
        given: Dict[str, Any] = answer if isinstance(answer, dict) else {}
        self.ok = bool(given.get("ok"))
        self.code = str(given.get("code") or "")
        self.message = str(given.get("message") or "")
        self.retryable = bool(given.get("retryable"))
        after = given.get("retry_after_ms")
        self.retry_after = float(after) / 1000 if isinstance(after, (int, float)) else 0.0

    def blames_the_content(self) -> bool:
        """The report came from the right node at the right time, and cannot be taken as it is."""
        return not self.ok and self.code in (PAYLOAD_TOO_LARGE, INVALID_ARGUMENT)

    def asks_for_registration(self) -> bool:
        """The connection is not, or no longer, that of the node. What was sent is fine."""
        return not self.ok and self.code in (NOT_REGISTERED, AUTHENTICATION_REQUIRED)
