"""The registry of the rules and kernels that handle lowerings.

The first look-up imports every module of this package, and each module registers its own classes.
So a new kernel needs no entry in a list.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import nodeflow.engine.kernels as package
from nodeflow.discovery import import_modules
from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import KernelLaunch
from nodeflow.engine.kernels.kernel import Kernel, LoweringRule
from nodeflow.ops.lowering import Lowering

Rule = TypeVar("Rule", bound=LoweringRule[Any])

_RULES: dict[type[Lowering], LoweringRule[Any]] = {}


def handles(lowering: type[Lowering]) -> Callable[[type[Rule]], type[Rule]]:
    """Return a class decorator that registers an instance of the class as the handler of a kind of
    lowering.

    Raise ValueError if the kind has a handler already.
    """

    def register(rule: type[Rule]) -> type[Rule]:
        if lowering in _RULES:
            raise ValueError(f"{lowering.__name__} is handled by {type(_RULES[lowering]).__name__}")
        _RULES[lowering] = rule()
        return rule

    return register


def rule_of(lowering: Lowering) -> LoweringRule[Any]:
    """Return the rule that says how to compile actions with this lowering.

    Raises:
        TypeError: there is no rule, which is a bug of the op.
    """
    rule = _RULES.get(type(lowering))
    if rule is None:
        rule = registered().get(type(lowering))
    if rule is None:
        raise TypeError(f"no module of nodeflow.engine.kernels handles {lowering!r}")
    return rule


def kernel_of(group: Group) -> Kernel[Any]:
    """Return the kernel object that compiles a group of actions. The group must not run as a call
    of its reference implementation.
    """
    lowering = group.actions[0].lowering
    assert lowering is not None
    kernel = _RULES.get(type(lowering)) or rule_of(lowering)
    assert isinstance(kernel, Kernel)
    return kernel


def can_fail(actions: Actions, action: Action) -> bool:
    """Return whether an action may report a failure at run time. An action that runs as a call of
    its reference implementation always may.
    """
    if action.lowering is None:
        return True
    rule = rule_of(action.lowering)
    return isinstance(rule, Kernel) and rule.can_fail(actions, action, action.lowering)


def label_of(launch: KernelLaunch) -> str:
    """Return the name under which a profile shows a launch: the name of its kernel, or the launch's
    own label if it belongs to no group of nodes.
    """
    return launch.label if launch.group is None else kernel_of(launch.group).label_of(launch.group)


def registered() -> dict[type[Lowering], LoweringRule[Any]]:
    """Return every rule by the lowering that it handles."""
    _import_all()
    return dict(_RULES)


@cache
def _import_all() -> None:
    import_modules(package)
