"""Lookup of table rows by number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.indexing.slicing import INDICES
from nodeflow.ops.samples import values


@register
class EmbeddingLookup(Composed):
    """Vectors of words, users or items, by number."""

    id = "embedding_lookup"
    note = "weights wired in"
    category = "Neural network"
    keywords = ("embedding", "word vectors", "table", "gather", "rows", "word2vec")
    doc = (
        "The rows of a table at the given row numbers.\n\nA table (n, features) and row numbers "
        "of any shape s give (s, features). A number outside 0 to n - 1 is an error when run. "
        "Gradient: added up at the rows that were used."
    )
    inputs = (
        Port("table", "The table, usually a variable.", FLOATS),
        Port("indices", "Row numbers.", INDICES),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        table, indices = types
        if not table.rank:
            raise ShapeError("a table needs rows, not a scalar", port="table")
        return table.with_shape((*indices.shape, *table.shape[1:]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        return F.gather(*inputs, axis=0)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            for kind in INDICES:
                indices = np.array([[0, 3, 3], [2, 1, 0]], kind)
                yield Sample((values((4, 5), dtype), indices), smooth=dtype == "float64")
        yield Sample((values((0, 3)), np.zeros(0, "int64")), smooth=True)
        yield Sample((values((1, 1)), np.array(0)), smooth=True)
