"""Ops that record values of a run for TensorBoard.

They compute nothing themselves. A run that fetches one computes its inputs, compiled if that pays,
and encodes them as the Summary that TensorFlow 1 would return, as bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import BOOL, FLOATS, NUMBERS, TensorType
from nodeflow.ops.base import register
from nodeflow.ops.samples import values
from nodeflow.ops.summaries import messages

TAG = Attr("tag", "string", "", "Name in TensorBoard; empty: the node's name.")


class Summary(Op):
    """The base class of summaries, which record values."""

    category = "Training"
    stateful = True
    outputs = ()

    @property
    def title(self) -> str:
        return f"{super().title} summary"

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        return ()

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> tuple[()]:
        return ()

    def encode(self, tag: str, arrays: Sequence[np.ndarray], attrs: Mapping[str, Any]) -> bytes:
        """Return the serialized Summary of these inputs."""
        raise NotImplementedError(self.id)


@register
class ScalarSummary(Summary):
    """A summary that records a number."""

    id = "summary/scalar"
    keywords = ("tensorboard", "log", "plot", "record", "metric")
    doc = (
        "Records a number for TensorBoard.\n\nFetch it or a merged summary, and give the result "
        "to nf.summary.FileWriter. Training measures and plots it after each epoch, as a metric."
    )
    inputs = (Port("values", "Number to record.", (*NUMBERS, *BOOL)),)
    attrs = (TAG,)

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        if types[0].has_rank and types[0].size not in (1, None):
            raise ShapeError(
                f"a scalar summary takes one number, not {types[0]}",
                port="values",
                hint="Reduce it with reduce_mean, or use a histogram.",
            )
        return ()

    def encode(self, tag: str, arrays: Sequence[np.ndarray], attrs: Mapping[str, Any]) -> bytes:
        return messages.scalar(tag, float(np.asarray(arrays[0]).reshape(())))

    def samples(self) -> Iterator[Sample]:
        for dtype in (*NUMBERS, *BOOL):
            yield Sample((values((), dtype),), {"tag": "loss"})
        yield Sample((values((1, 1), "float32"),))


@register
class HistogramSummary(Summary):
    """A summary that records the distribution of values."""

    id = "summary/histogram"
    keywords = ("tensorboard", "log", "distribution", "record")
    doc = (
        "Records the distribution of values for TensorBoard.\n\nFetching it is an error if a "
        "value is not finite."
    )
    inputs = (Port("values", "Values of any shape.", NUMBERS),)
    attrs = (TAG,)

    def encode(self, tag: str, arrays: Sequence[np.ndarray], attrs: Mapping[str, Any]) -> bytes:
        array = np.asarray(arrays[0])
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise RunError(f"the histogram {tag!r} has values that are not finite")
        return messages.histogram(tag, array)

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            yield Sample((values((2, 3), dtype),))
        yield Sample((values((0,), "float32"),), {"tag": "empty"})
        yield Sample((values((1,), "float32"),))


@register
class ImageSummary(Summary):
    """A summary that records pictures."""

    id = "summary/image"
    keywords = ("tensorboard", "log", "picture", "record")
    doc = (
        "Records the first pictures of a batch for TensorBoard, as PNG.\n\nuint8 pictures are "
        "shown unchanged. Floats are scaled, each picture by itself: if no value is negative, the "
        "largest is white; otherwise 0 is grey."
    )
    inputs = (
        Port("tensor", "Pictures, (n, height, width, channels): 1 grey, 3 RGB, 4 RGBA.",
             (*FLOATS, "uint8")),
    )  # fmt: skip
    attrs = (TAG, Attr("max_outputs", "int", 3, "Largest number of pictures.", minimum=1))

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        type_ = types[0]
        if type_.has_rank and (type_.rank != 4 or type_.shape[3] not in (1, 3, 4, None)):
            raise ShapeError(
                f"pictures must be (n, height, width, channels) with 1, 3 or 4 channels, "
                f"not {type_}",
                port="tensor",
                hint="Insert reshape before it.",
            )
        return ()

    def encode(self, tag: str, arrays: Sequence[np.ndarray], attrs: Mapping[str, Any]) -> bytes:
        return messages.images(tag, np.asarray(arrays[0]), attrs["max_outputs"])

    def samples(self) -> Iterator[Sample]:
        for dtype in (*FLOATS, "uint8"):
            yield Sample((values((2, 4, 5, 3), dtype),))
        yield Sample((values((1, 1, 1, 1), "uint8"),), {"max_outputs": 1})
        yield Sample((values((0, 2, 3, 4), "float32"),))


@register
class TextSummary(Summary):
    """A summary that records a text."""

    id = "summary/text"
    keywords = ("tensorboard", "log", "note", "record")
    doc = "Records a text for TensorBoard, which shows it as Markdown."
    attrs = (TAG, Attr("text", "string", "", "Text to record."))

    def encode(self, tag: str, arrays: Sequence[np.ndarray], attrs: Mapping[str, Any]) -> bytes:
        return messages.text(tag, attrs["text"])

    def samples(self) -> Iterator[Sample]:
        yield Sample((), {"text": "learning rate 0.1"})


@register
class MergeSummary(Summary):
    """Several summaries as one."""

    id = "summary/merge"
    keywords = ("tensorboard", "all", "together", "record")
    doc = (
        "Several summaries as one.\n\nIt merges the summaries that it runs after: connect their "
        "done ports to its control port. Fetch it to fetch all of them."
    )

    def samples(self) -> Iterator[Sample]:
        yield Sample(())


def leaves(node: Node) -> list[Node]:
    """Return the single summaries of a fetched node: the node, or the summaries that it merges.

    Raises:
        AttributeProblem: two of them have the same tag.
    """
    found: dict[Node, None] = {}
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current.op, MergeSummary):
            waiting += [n for n in reversed(current.control_inputs) if isinstance(n.op, Summary)]
        else:
            found[current] = None
    tags: dict[str, Node] = {}
    for leaf in found:
        if (other := tags.setdefault(tag_of(leaf), leaf)) is not leaf:
            raise AttributeProblem(
                f"{other.name} and {leaf.name} have the same tag {tag_of(leaf)!r}",
                node=node.name,
                hint="Give one of them another name.",
            )
    return list(found)


def tag_of(node: Node) -> str:
    """Return the name that a summary has in TensorBoard."""
    return node.attrs["tag"] or node.name


def inputs_of(node: Node) -> tuple[Tensor, ...]:
    """Return the input tensors of a summary; for a merged one, of all its summaries."""
    return tuple(tensor for leaf in leaves(node) for tensor in leaf.inputs)


def encoded(node: Node, arrays: Sequence[Any]) -> bytes:
    """Return the serialized Summary of a node from the values of its `inputs_of`."""
    remaining = list(arrays)
    parts = []
    for leaf in leaves(node):
        own, remaining = remaining[: len(leaf.inputs)], remaining[len(leaf.inputs) :]
        assert isinstance(leaf.op, Summary)
        try:
            parts.append(leaf.op.encode(tag_of(leaf), own, leaf.attrs))
        except RunError as error:
            raise error.at(leaf.name) from None
    return b"".join(parts)
