"""Rules by op and by kind of lowering, for the analysis of rows and for other backends."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from types import ModuleType
from typing import Any, Generic, TypeVar

from nodeflow.discovery import import_modules
from nodeflow.ops.lowering import Lowering

R = TypeVar("R", bound=Callable[..., Any])
Some = TypeVar("Some", bound=Callable[..., Any])


class RuleBook(Generic[R]):
    """Rules that modules register by decorators. A rule for an op precedes the rule for its
    lowering.

    Args:
        package: the package whose modules register rules. They are imported at the first
            look-up, so that a new rule needs no entry in a list.
    """

    def __init__(self, package: ModuleType) -> None:
        self._package = package
        self._is_complete = False
        self._of_ops: dict[str, R] = {}
        self._of_lowerings: dict[type[Lowering], R] = {}

    def for_ops(self, *ids: str) -> Callable[[Some], Some]:
        """Return a decorator that registers a function as the rule for ops. It applies to the ops
        with the given ids.
        """
        return lambda rule: _registered(self._of_ops, ids, rule)

    def for_lowerings(self, *kinds: type[Lowering]) -> Callable[[Some], Some]:
        """Return a decorator that registers a function as the rule for these kinds of lowering."""
        return lambda rule: _registered(self._of_lowerings, kinds, rule)

    def of_op(self, op_id: str) -> R | None:
        """Return the rule of an op itself, or None. The op's lowering is not considered."""
        self._complete()
        return self._of_ops.get(op_id)

    def of_lowering(self, lowering: Lowering) -> R | None:
        """Return the rule of a lowering's kind, or None."""
        self._complete()
        return self._of_lowerings.get(type(lowering))

    def _complete(self) -> None:
        if not self._is_complete:
            import_modules(self._package)
            self._is_complete = True


def _registered(table: dict[Any, Any], keys: Iterable[Hashable], rule: Some) -> Some:
    for key in keys:
        if key in table:
            raise ValueError(f"{key} has a rule: {table[key].__name__}")
        table[key] = rule
    return rule
