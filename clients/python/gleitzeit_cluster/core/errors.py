"""What can go wrong, for programs that catch it and for people who read it."""

from __future__ import annotations

from typing import Any, Dict, Optional

# The role of a key, or what it is bound to, does not reach that far.
DENIED = "GZ4021"
# Wrong keys that came from the same address keep it out for a while.
TOO_MANY_WRONG_KEYS = "GZ4022"
# More came with one key, or from one address, than the server takes in a second.
RATE_LIMITED = "GZ4023"
TRUST_HINT = (
    "If it is the server that you mean, name the file with its certificate, or with that of its authority: "
    "GLEITZEIT_CA in the environment"
)
KEY_HINT = "Give one that counts: auth_token=..., or GLEITZEIT_TOKEN in the environment"


class GleitzeitError(Exception):
    """The base of all errors of this package. `code` is the stable code of the server, where it gave one."""

    def __init__(self, message: str, code: Optional[str] = None):
        super().__init__(message)
        self.message = message
        self.code = code

    def __str__(self) -> str:
        return self.message


class ServerUnreachable(GleitzeitError, ConnectionError):
    """Nobody answers at the address."""


class ServerNotTrusted(ServerUnreachable):
    """Somebody answers at the address, and nobody who is trusted here vouches that it is the server."""


class ServerStartFailed(GleitzeitError):
    """The `gleitzeit` program is missing, or ended before it listened."""


class NotAGleitzeitServer(GleitzeitError):
    """Somebody answers at the address, and it is another program."""


class ServerTooOld(GleitzeitError):
    """The server is older than what this package can talk to."""


class TokenRefused(GleitzeitError, PermissionError):
    """The server asks for a key, or for another one: `code` is GZ4001 where none was given, GZ4010 for one that it does
    not know or that was revoked, GZ4002 for one that has expired. The server's token is such a key, too."""


class RegistrationRefused(GleitzeitError):
    """The server does not take the service as it describes itself."""


# What does not change by itself: somebody has to set another key, certificate or name.
FINAL = (TokenRefused, RegistrationRefused, ServerNotTrusted)


class WaitTimeout(GleitzeitError, TimeoutError):
    """The time to wait is over. What was waited for goes on."""


class ApiError(GleitzeitError):
    """A refusal of the server, as its REST interface words it."""

    def __init__(self, status: int, problem: Dict[str, Any]):
        code = problem.get("code")
        title = problem.get("title") or f"the server answered with status {status}"
        detail, fix = problem.get("detail"), problem.get("fix")
        lines = [f"{code}: {title}" if code else str(title)]
        if detail and detail != title:
            lines.append(str(detail))
        if fix:
            lines.append(f"What to do: {fix}")
        super().__init__("\n".join(lines), code if isinstance(code, str) else None)
        self.status = status
        self.title = title
        self.detail = detail
        self.fix = fix
        self.retryable = bool(problem.get("retryable"))
        self.problem = problem


class PermissionDenied(ApiError, PermissionError):
    """The role of the key, or what it is bound to, does not reach that far (GZ4021)."""


class NotFound(ApiError):
    """There is no workflow, task or service with this id."""


class TaskError(Exception):
    """A failure that a handler raises on purpose. Any other exception fails the task by its own retry policy."""

    retryable: Optional[bool] = None

    def __init__(self, message: str = "", *, code: Optional[str] = None, details: Any = None):
        super().__init__(message)
        self.message = message
        self.code = code
        self.details = details
        self.after: Optional[float] = None


class Retryable(TaskError):
    """Trying again may help, `after` so many seconds at the earliest where they are given."""

    retryable = True

    def __init__(
        self, message: str = "", *, after: Optional[float] = None, code: Optional[str] = None, details: Any = None
    ):
        super().__init__(message, code=code, details=details)
        self.after = after


class Fatal(TaskError):
    """Trying again would fail in the same way: the task fails at once, whatever its retries."""

    retryable = False


class TaskCancelled(Exception):
    """Raised by `TaskContext.check` in a handler whose task is no longer wanted."""
