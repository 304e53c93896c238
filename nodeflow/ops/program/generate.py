"""Generate: the probabilities of the next token, and the settings for writing token by token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.samples import ROUNDED, values

GENERATE = "generate"


@register
class Generate(Composed):
    """The probabilities of the next token."""

    id = GENERATE
    category = "Neural network"
    keywords = ("text", "sample", "write", "language model", "token", "temperature", "top k")
    shown_attrs = ("temperature",)
    doc = (
        "The probabilities of the next token: softmax(logits / temperature).\n\nlogits are (rows, "
        "steps, tokens) or (rows, tokens). With `top_k`, only the k most probable tokens are left; "
        "a temperature of 0 leaves only the most probable one. Where the logits come from tokens "
        "of a text data set, the graph writes text: in the window the node's view of text, "
        "`nodeflow generate`, and `nf.train.generate` in Python draw one token after another, feed "
        "it back, and always draw the same tokens from the same seed."
    )
    inputs = (Port("logits", "Scores of the tokens, before softmax.", FLOATS, "T"),)
    attrs = (
        Attr(
            "temperature",
            "float",
            1.0,
            "Divides the logits: below 1 more likely tokens, above 1 more varied ones.",
            minimum=0.0,
        ),
        Attr(
            "top_k",
            "int",
            None,
            "Number of most probable tokens to draw from; none: all.",
            minimum=1,
            optional=True,
        ),
        Attr("seed", "int", 0, "Seed of the draws."),
        Attr("prompt", "string", "", "The text to continue; empty: the beginning of a text."),
        Attr("length", "int", 400, "Number of tokens to write.", minimum=1),
        Attr(
            "keep_state",
            "bool",
            True,
            "Recurrent layers keep their state from token to token. Otherwise, and where other "
            "layers mix steps, the last window of tokens is read again for each token.",
        ),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        if types[0].rank < 1:
            raise ShapeError("generate needs scores of tokens, not a scalar", port="logits")
        return types[0]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        (logits,) = inputs
        if attrs["temperature"] == 0:
            best = F.cast(logits >= F.reduce_max(logits, axis=-1, keepdims=True), logits.dtype)
            return best * F.cast(F.equal(F.cumsum(best, axis=-1), 1.0), logits.dtype)
        scores = logits / attrs["temperature"]
        size, count = logits.shape[-1], attrs["top_k"]
        if count is not None and (size is None or count < size):
            largest, _ = F.top_k(logits, k=count)
            least = F.reduce_min(largest, axis=-1, keepdims=True)
            scores = F.where(logits >= least, scores, F.zeros_like(scores) + float("-inf"))
        return F.softmax(scores, name="probabilities")

    def samples(self) -> Iterator[Sample]:
        for dtype in ROUNDED:
            yield Sample((values((2, 3, 5), dtype),), smooth=dtype == "float64")
        yield Sample((values((3, 4)),), {"temperature": 0.5}, smooth=True)
        yield Sample((values((3, 4)),), {"temperature": 0.0})
        yield Sample((values((3, 4)),), {"top_k": 2, "keep_state": False})
        yield Sample((values((0, 4)),))
        yield Sample((values((1, 1)),))
