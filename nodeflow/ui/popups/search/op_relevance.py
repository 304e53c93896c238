"""Ranking of ops for typed words: by the op's name, its names in other libraries, and keywords.

The palette, search on the canvas, completion of formulas and lists of subgraphs use `relevance`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from nodeflow.foreign_names.others import OTHERS
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.ui.popups.search.fuzzy_match import best_score, score

RARER = 0.85
"""Factor for the score of an op that is not in everyday use."""

LAYERED = 0.95
"""Factor for the score of an op if a layer has the same name, so that the layer comes first."""

ELSEWHERE = 0.98
"""Factor for the score of a name from another library, so that an op's own name comes first."""

BEGINNING = 0.8
"""The minimum score of a name in which a word begins with the typed text."""

_LIBRARY = re.compile(r"(?:[A-Za-z_]\w*\.)+")
"""Prefixes that names have in libraries: `tf.nn.`, `nn.`, `np.`."""

WORDS: Mapping[str, str] = {
    "and": "logical_and", "bn": "layers/batch_normalization", "bool": "cast", "fc":
    "layers/dense", "float": "cast", "getitem": "strided_slice", "if": "flow/branch", "index":
    "gather", "int": "cast", "layer": "layers/dense", "len": "size", "ln": "log", "normal":
    "random_normal", "not": "logical_not", "ones": "fill", "or": "logical_or", "random":
    "random_uniform", "repeat": "tile", "uniform": "random_uniform", "zeros": "fill",
}  # fmt: skip
"""Words that mean one particular op, although the names of other ops begin with them."""


def relevance(words: str, op: NodeDeclaration) -> float:
    """Return how well an op matches typed words, from 0 (not at all) to 1 (by its own name)."""
    query = _LIBRARY.sub("", words.strip(), count=1)
    own = best_score(query, (op.short_id, op.title), (*op.keywords, op.category))
    there = max((score(query, name) for name in _names_elsewhere().get(op.id, ())), default=0.0)
    value = max(own, ELSEWHERE * there if query and there >= BEGINNING else 0.0)
    named = value >= ELSEWHERE
    value *= 1.0 if op.everyday or named else RARER
    return value * LAYERED if op.layered else value


@cache
def _names_elsewhere() -> Mapping[str, tuple[str, ...]]:
    """Return the names of ops in other libraries, by the op's id."""
    found: dict[str, tuple[str, ...]] = {}
    for name, here in (*OTHERS.items(), *WORDS.items()):
        op_id = here.replace(".", "/")
        found[op_id] = (*found.get(op_id, ()), name)
    return found
