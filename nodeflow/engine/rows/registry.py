"""The registry of rules: what becomes of rows in each kind of lowering, and in some ops.

The first look-up imports every module of `rules`, and each registers what it defines.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module

import nodeflow.engine.rows.rules as package
from nodeflow.engine.rows.call import Call
from nodeflow.engine.rows.states import State
from nodeflow.ops.lowering import Lowering

Rule = Callable[[Call], State | Sequence[State]]
"""The states of the outputs; one state holds for all of them. Raises MixesRows."""

_BY_LOWERING: dict[type[Lowering], Rule] = {}
_BY_OP: dict[str, Rule] = {}


def follows(*lowerings: type[Lowering]) -> Callable[[Rule], Rule]:
    """Decorator: the rule of kinds of lowerings."""

    def register(rule: Rule) -> Rule:
        for lowering in lowerings:
            assert lowering not in _BY_LOWERING, lowering
            _BY_LOWERING[lowering] = rule
        return rule

    return register


def follows_op(*ids: str) -> Callable[[Rule], Rule]:
    """Decorator: the rule of ops, which wins over that of their lowering."""

    def register(rule: Rule) -> Rule:
        for op_id in ids:
            assert op_id not in _BY_OP, op_id
            _BY_OP[op_id] = rule
        return rule

    return register


def rule_of_op(op_id: str) -> Rule | None:
    """The rule of an op as a whole, if it has one."""
    _import_all()
    return _BY_OP.get(op_id)


def rule_of_lowering(lowering: Lowering) -> Rule | None:
    """The rule of a kind of lowering; without one, it mixes rows."""
    _import_all()
    return _BY_LOWERING.get(type(lowering))


@cache
def _import_all() -> None:
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        import_module(module.name)
