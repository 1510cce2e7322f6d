"""Which handler does a task, and how it is called."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Dict, List, Optional

from ..core.errors import Fatal

Handler = Callable[..., Any]


def is_async(call: Handler) -> bool:
    # An object with an async `__call__` counts as well.
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)


def wants_context(handler: Handler) -> bool:
    """Whether it has a second positional argument that is meant for the context."""
    try:
        parameters = list(inspect.signature(handler).parameters.values())
    except (TypeError, ValueError):
        # A builtin without a signature.
        return False
    positional = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    if len(positional) < 2:
        return False
    second = positional[1]
    return second.default is second.empty or second.name in ("ctx", "context")


class Bound:
    """A handler, and how it is called: (assignment), or (assignment, context)."""

    __slots__ = ("asynchronous", "call", "with_context")

    def __init__(self, call: Handler):
        if not callable(call):
            raise TypeError(f"a handler is a function, async or not; {call!r} cannot be called")
        self.call = call
        self.asynchronous = is_async(call)
        self.with_context = wants_context(call)


class Handlers:
    """Handlers by task type."""

    def __init__(self) -> None:
        self._by_type: Dict[str, Bound] = {}

    def __len__(self) -> int:
        return len(self._by_type)

    def register(self, task_type: str, handler: Handler) -> None:
        self._by_type[task_type] = Bound(handler)

    def types(self) -> List[str]:
        return list(self._by_type)

    def choose(self, assignment: Dict[str, Any], capabilities: List[str]) -> Optional[Bound]:
        """By the external task type, then the task type, then the first capability that has one."""
        for name in (assignment.get("external_task_type"), assignment.get("task_type"), *capabilities):
            if name in self._by_type:
                return self._by_type[name]
        return None


class Functions:
    """Functions by name, as an executor node runs them for tasks of the type `function`."""

    def __init__(self) -> None:
        self._by_name: Dict[str, Bound] = {}

    def register(self, name: str, function: Handler) -> None:
        bound = Bound(function)
        bound.with_context = False
        self._by_name[name] = bound

    def names(self) -> List[str]:
        return sorted(self._by_name)

    def choose(self, assignment: Dict[str, Any], capabilities: List[str]) -> Optional[Bound]:
        """A handler for exactly this assignment."""
        parameters = assignment.get("parameters") or {}
        found = self._by_name.get(str(parameters.get("function_name")))
        if assignment.get("task_type") != "function" or found is None:
            return None
        # Whether it blocks is known from the function; how it is called, from the task.
        bound = Bound(lambda _data, context: _call(found.call, parameters, context))
        bound.asynchronous = found.asynchronous
        return bound


def _call(function: Handler, parameters: Dict[str, Any], context: Any) -> Any:
    given, kwargs = parameters.get("args") or [], dict(parameters.get("kwargs") or {})
    args: List[Any] = []
    if isinstance(given, dict):
        kwargs = {**given, **kwargs}
    else:
        args = list(given)
    try:
        signature: Optional[inspect.Signature] = inspect.signature(function)
    except (TypeError, ValueError):
        signature = None
    if signature is not None:
        if "ctx" in signature.parameters and "ctx" not in kwargs:
            kwargs["ctx"] = context
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            # The same arguments would not fit the next time either.
            name = getattr(function, "__name__", "the function")
            raise Fatal(f"{name}{signature} does not take these arguments: {error}") from None
    return function(*args, **kwargs)
