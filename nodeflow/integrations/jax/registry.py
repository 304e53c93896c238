"""The rules that compute ops: by kind of lowering, or by op if an op has its own rule.

A rule is a function of a `Lowered` and of one traced array for each input. It returns the
output, or a tuple of several outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, TypeVar

import nodeflow.integrations.jax.rules as package
from nodeflow.engine.rule_book import RuleBook
from nodeflow.graph.op import Op
from nodeflow.graph.types import TensorType
from nodeflow.integrations.jax.errors import OWN_ENGINE, NotOnJax
from nodeflow.ops.lowering import Lowering

if TYPE_CHECKING:
    from nodeflow.integrations.jax.failures import Failures
    from nodeflow.integrations.jax.streams import Stream

Rule = Callable[..., Any]
AnyRule = TypeVar("AnyRule", bound=Rule)

BOOK: RuleBook[Rule] = RuleBook(package)
computes, rule_of_op = BOOK.for_ops, BOOK.of_op
_TAKEN: dict[Rule, int] = {}
"""The number of inputs that a rule takes, for rules that do not take all."""


@dataclass(frozen=True)
class Lowered:
    """One application of an op, or of a part of a composite lowering, as input of a rule.

    Attributes:
        name: name of the node, for errors.
        op: declaration of the op.
        attrs: its complete attributes, as the op's reference gets them. Runtime attributes that
            are wired have their value if types determine it, else `LATER`; their arrays come
            after the other inputs. If `Op.widens` says so, half floats are widened before a
            rule gets them, and ``dtype`` is float32.
        inputs, outputs: specialised types; every size is known.
        lowering: the result of `Op.lower` for these types, or a part of it; None for the rule
            of an op.
        stream: the random stream of a random op, with the methods of
            `nodeflow.engine.threefry_streams.Stream`, and `Stream.inside` for the body of a loop
            or branch. None for other ops.
        length: for a loop over padded sequences (`padding`), the true number of steps, a traced
            integer; otherwise None.
        failures: collects possible failures; use `fail_where`.
    """

    name: str
    op: Op
    attrs: Mapping[str, Any]
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    lowering: Lowering | None = None
    stream: Stream | None = None
    length: Any = field(default=None, compare=False)
    failures: Failures | None = field(default=None, compare=False)

    def fail_where(self, condition: Any, text: str) -> None:
        """Make the run fail if a traced bool, or any element of a traced bool array, is true. The
        RunError names the node.

        The traced computation continues with arbitrary values, because a failed run stores nothing.
        ``text`` is the error message of the op's reference, without parts that depend on values.
        """
        if self.failures is not None:
            self.failures.add(condition, self.name, text)

    def refuse(self, why: str, hint: str | None = None) -> NotOnJax:
        """Return an error that says why JAX cannot compute this node. The caller raises it."""
        return NotOnJax(why, node=self.name, hint=hint or OWN_ENGINE)


def lowers(*kinds: type[Lowering]) -> Callable[[AnyRule], AnyRule]:
    """Return a decorator that registers a function as the JAX rule for these kinds of lowering.

    The rule gets as many inputs of the op as it has parameters. Later inputs of an op only carry a
    shape, or a value that is known before the run.
    """

    def register(rule: AnyRule) -> AnyRule:
        taken = list(signature(rule).parameters.values())[1:]
        if all(p.kind is not Parameter.VAR_POSITIONAL for p in taken):
            _TAKEN[rule] = len(taken)
        return BOOK.for_lowerings(*kinds)(rule)

    return register


def rule_of_lowering(lowering: Lowering) -> Rule | None:
    """Return the JAX rule for a kind of lowering, as a function that accepts all inputs of the op.
    Return None if there is no rule.
    """
    rule = BOOK.of_lowering(lowering)
    if rule is None or (count := _TAKEN.get(rule)) is None:
        return rule
    return lambda node, *arrays: rule(node, *arrays[:count])
