"""The embedding layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.indexing.slicing import INDICES
from nodeflow.ops.layers.layer import TRAINABLE, VERSION, Layer, Weights, initializer_attr
from nodeflow.ops.samples import values

UNIFORM = {"op": "random_uniform", "low": -0.05, "high": 0.05}


@register
class Embedding(Layer):
    """A learned vector for each word, user or item."""

    can_share = True
    id = "layers/embedding"
    keywords = ("word vectors", "layer", "lookup", "table", "tokens", "word2vec")
    shown_attrs = ("input_dim", "output_dim")
    doc = (
        "The learned vector of each number, which stands for a word, user or item.\n\nNumbers of "
        "any shape s give (s, output_dim). A number outside 0 to input_dim - 1 is an error when "
        "run. The node has the variable NAME/embeddings (input_dim, output_dim)."
    )
    inputs = (Port("x", "Numbers from 0 to input_dim - 1.", INDICES),)
    attrs = (
        Attr("input_dim", "int", 1000, "Number of vectors: the largest number + 1.", minimum=1),
        Attr("output_dim", "int", 64, "Size of a vector.", minimum=1),
        initializer_attr("embeddings_initializer", UNIFORM, "Initial vectors."),
        Attr(
            "dtype", "dtype", "float32", "Data type of the vectors.", choices=FLOATS, advanced=True
        ),
        TRAINABLE,
        VERSION,
    )

    def weight_dtype(self, *types: TensorType, **attrs: Any) -> str:
        return attrs["dtype"]

    def weights(self, *types: TensorType, **attrs: Any) -> Weights:
        shape = (attrs["input_dim"], attrs["output_dim"])
        return {"embeddings": (shape, attrs["embeddings_initializer"])}

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        self.check_weights(*types, **attrs)
        return TensorType(attrs["dtype"], (*types[0].shape, attrs["output_dim"]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        made = self.make_weights(*inputs, **attrs)
        return F.gather(made["embeddings"], inputs[0], axis=0, name="vectors")

    def variables(self, attrs: dict[str, Any]) -> tuple[str, ...]:
        return ("embeddings",)

    def samples(self) -> Iterator[Sample]:
        sizes: dict[str, Any] = {"input_dim": 5, "output_dim": 3}
        for dtype in INDICES:
            yield Sample((values((4, 2), dtype, 0, 4),), sizes)
        for dtype in FLOATS:
            smooth = dtype == "float64"
            yield Sample((values((4,), "int32", 0, 4),), {**sizes, "dtype": dtype}, smooth=smooth)
        yield Sample((values((1, 1), "int32", 0, 1),), {**sizes, "trainable": False})
        yield Sample((values((0, 3), "int32"),), sizes)
        drawn = {"embeddings_initializer": {"op": "random_normal"}}
        yield Sample((values((2,), "int64", 0, 4),), {**sizes, **drawn})
