"""Which rule computes what: by kind of lowering, or by op where an op has its own.

A rule is a function of what it computes (`Lowered`) and of one traced array for each input; it
returns the output, or a tuple of several.
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
"""How many inputs a rule of a lowering takes, where not all."""


@dataclass(frozen=True)
class Lowered:
    """One application of an op, or of a part of a composite lowering, as a rule gets it.

    Attributes:
        name: of the node, for errors.
        op: its declaration.
        attrs: its attributes, complete, as the op's reference gets them. Of `RuntimeAttributes`
            those that are wired are there too, as far as types tell them, else `LATER`; their
            arrays come after the others. Half floats are widened before a rule sees them where
            `Op.widens` says so; ``dtype`` is then float32 too.
        inputs, outputs: specialised types; every size is known.
        lowering: what `Op.lower` returned for these types, or a part of it; None for a rule of the
            op itself.
        stream: what a random op draws from: `Stream.bits`, `uniform`, `normal`,
            `truncated_normal`, `integers`, as `nodeflow.engine.rng.Stream` has them; and
            `Stream.inside` for what is in a loop or branch. None for the other ops.
        length: of a loop over sequences that are longer than what is in them, how many steps there
            are, a traced integer (`padding`); None for all others.
        failures: collects what fails; use `fail_where`.
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
        """Let the run fail where a traced bool, or an element of an array of bools, is true. The
        RunError names the node.

        The rule goes on with any values: nothing of the run is kept. ``text`` is what the op's
        reference says, as far as it does not depend on values.
        """
        if self.failures is not None:
            self.failures.add(condition, self.name, text)

    def refuse(self, why: str, hint: str | None = None) -> NotOnJax:
        """Return the error to raise if a rule cannot compute this application."""
        return NotOnJax(why, node=self.name, hint=hint or OWN_ENGINE)


def lowers(*kinds: type[Lowering]) -> Callable[[AnyRule], AnyRule]:
    """Return a decorator that registers the rule of these kinds of lowering.

    Ops have inputs that only tell a shape, or that a run knows already; they come after those that
    a lowering is about. A function gets as many as it takes.
    """

    def register(rule: AnyRule) -> AnyRule:
        taken = list(signature(rule).parameters.values())[1:]
        if all(p.kind is not Parameter.VAR_POSITIONAL for p in taken):
            _TAKEN[rule] = len(taken)
        return BOOK.for_lowerings(*kinds)(rule)

    return register


def rule_of_lowering(lowering: Lowering) -> Rule | None:
    """Return the rule of a lowering's kind, as a function of all inputs."""
    rule = BOOK.of_lowering(lowering)
    if rule is None or (count := _TAKEN.get(rule)) is None:
        return rule
    return lambda node, *arrays: rule(node, *arrays[:count])
