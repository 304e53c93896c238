"""The text of a search for ops: letters, and the dtypes that the op must take (`in:`) or give
(`out:`).

Examples are `mean in:float32` and `in:bool out:int`. A dtype is given by its name, its short
name, or the beginning of its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nodeflow.document.analysis.wiring.op_matching import gives
from nodeflow.document.layout.card_size import SHORT_DTYPES
from nodeflow.document.model.document import Document
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.graph.types import DTYPES
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.popups.search.op_relevance import relevance

ORDER = (
    *("Subgraph", "Library", "Inputs", "Data", "Layers", "Math", "Matrix", "Neural network"),
    *("Loss", "Training", "Metric", "Reduction", "Shape", "Pictures", "Signal", "Comparison"),
    *("Random", "Utility", "Control flow"),
)
"""The order of categories: those used in a first graph come first, unknown ones last."""

FIRST_LAYERS = (
    *("layers/dense", "layers/conv2d", "max_pool2d", "flatten", "dropout"),
    *("layers/batch_normalization", "layers/embedding", "layers/lstm", "layers/gru"),
    *("layers/multi_head_attention", "layers/transformer_block"),
)
"""The layers of common networks, which come first among the layers."""

LAYERS = "Layers"


def by_category(ops: Iterable[NodeDeclaration]) -> dict[str, list[NodeDeclaration]]:
    """Group ops by category, in display order. Everyday ops come first."""
    groups: dict[str, list[NodeDeclaration]] = {}
    for op in ops:
        if op.superseded:
            continue
        groups.setdefault(op.category or "Other", []).append(op)
    rank = {name.lower(): i for i, name in enumerate(ORDER)}
    names = sorted(groups, key=lambda name: (rank.get(name.lower(), len(rank)), name))
    found = {name: groups[name] for name in names}
    if LAYERS in found:
        place = {op_id: i for i, op_id in enumerate(FIRST_LAYERS)}
        found[LAYERS].sort(key=lambda op: place.get(op.id, len(place)))
    return {name: sorted(group, key=lambda op: not op.everyday) for name, group in found.items()}


@dataclass(frozen=True, slots=True)
class OpQuery:
    """A parsed search text.

    Attributes:
        words: letters of a name.
        takes: dtypes; an input must accept one of them. Empty for any.
        gives: dtypes; an output can have one of them. Empty for any.
        problem: the mistake in a filter.
    """

    words: str = ""
    takes: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()
    problem: str = ""

    @classmethod
    def parse(cls, text: str) -> OpQuery:
        words, wanted, problem = [], {"in": frozenset(), "out": frozenset()}, ""
        for part in text.split():
            side, colon, name = part.lower().partition(":")
            if not colon or side not in wanted:
                words.append(part)
            elif name:
                wanted[side] = _dtypes(name)
                if not wanted[side]:
                    problem = f"“{name}” is no dtype: there are {', '.join(DTYPES)}."
        return cls(" ".join(words), wanted["in"], wanted["out"], problem)

    def admits(self, op: NodeDeclaration) -> bool:
        """Return whether an op passes the filters."""
        if self.problem:
            return False
        if self.takes and not any(self.takes & set(port.dtypes) for port in op.inputs):
            return False
        return not self.gives or bool(op.outputs and self.gives & gives(op, self.takes or DTYPES))

    def fit(self, op: NodeDeclaration) -> float:
        """Return how specific an op's outputs are, from 0 to 1: more for fewer possible dtypes.

        0 without `out:`.
        """
        return 1.0 - len(gives(op)) / len(DTYPES) if self.gives else 0.0


def _dtypes(name: str) -> frozenset[str]:
    return frozenset(d for d in DTYPES if d.startswith(name) or SHORT_DTYPES.get(d) == name)


def ranked(
    text: str,
    ops: Iterable[NodeDeclaration],
    used: Counter[str] | None = None,
    fit: Callable[[NodeDeclaration], float] = lambda op: 0.0,
) -> list[NodeDeclaration]:
    """Return the ops that match a query, best first. Among equal matches, ``fit`` and then
    ``used`` decide.

    Args:
        used: how often each op is in use.
        fit: returns 0 for an op that fits like any other, up to 1 for an op made for the purpose.
    """
    query, scored = OpQuery.parse(text), []
    used = used or Counter()
    ordered = [op for group in by_category(ops).values() for op in group]
    for place, op in enumerate(ordered):
        if not query.admits(op):
            continue
        value = relevance(query.words, op)
        if value > 0:
            habit = min(used[op.id], 20) * 0.002 + (0 if query.words else used[op.id] * 0.01)
            scored.append((-(value + habit + 0.04 * (fit(op) + query.fit(op))), place, op))
    return [op for _, _, op in sorted(scored, key=lambda item: item[:2])]


def habits(document: Document, settings: Settings | None) -> Counter[str]:
    """Return how often each op occurs in a graph plus how often it was added by search."""
    used = Counter(record.op for record in document.nodes.values())
    used.update(settings.uses() if settings is not None else {})
    return used
