"""Non-maximum suppression: of overlapping boxes, only the best is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import FLOATS, TensorType, compatible, numpy_dtype, shape_text
from nodeflow.ops.base import register
from nodeflow.ops.samples import values

THRESHOLDS = (
    Attr("iou_threshold", "float", 0.5, "Largest overlap with a better box.",
         minimum=0, maximum=1),
    Attr("score_threshold", "float", None, "Keep only boxes with a higher score; none: all.",
         optional=True),
)  # fmt: skip


def kept(boxes: np.ndarray, scores: np.ndarray, most: int, attrs: dict[str, Any]) -> list[int]:
    """Return the indices of the boxes to keep, the best first. Boxes are two opposite corners."""
    low = np.minimum(boxes[:, :2], boxes[:, 2:])
    high = np.maximum(boxes[:, :2], boxes[:, 2:])
    areas = np.prod(high - low, axis=1)
    found: list[int] = []
    least = attrs["score_threshold"]
    for index in np.argsort(-scores, kind="stable"):
        if len(found) >= most or (least is not None and not scores[index] > least):
            break
        others = np.array(found, "int64")
        sides = np.minimum(high[index], high[others]) - np.maximum(low[index], low[others])
        common = np.prod(np.maximum(sides, 0), axis=1)
        both = areas[index] + areas[others] - common
        flat = (areas[others] <= 0) | (areas[index] <= 0)
        with np.errstate(all="ignore"):
            share = np.where(flat, 0, common / both)
        if not (share > attrs["iou_threshold"]).any():
            found.append(int(index))
    return found


class Suppression(Op):
    """The base class of non-maximum suppression; the number of results depends on the data."""

    category = "Pictures"
    everyday = False
    hint_without_gradient = "Gather the boxes by the indices: gradients flow through that."


@register
class NonMaxSuppression(Suppression):
    """The indices of the best boxes among overlapping ones."""

    id = "non_max_suppression"
    keywords = ("nms", "object detection", "overlap", "intersection over union", "iou", "boxes")
    doc = (
        "The indices (int32) of the boxes that are kept, the highest score first.\n\nBoxes (n, 4) "
        "are two corners y1, x1, y2, x2. In the order of scores (n,), a box is left out if its "
        "intersection with a kept box is more than iou_threshold of their union. The number of "
        "results, at most max_output_size, is known only in a run. No gradient flows."
    )
    inputs = (
        Port("boxes", "Corners: (n, 4).", FLOATS, "T"),
        Port("scores", "Score of each box: (n,).", FLOATS, "T"),
    )
    attrs = (
        Attr("max_output_size", "int", 10, "Largest number of boxes.", minimum=0),
        *THRESHOLDS,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        boxes, scores = types
        if scores.rank != 1 or not compatible(boxes.shape, (*scores.shape, 4)):
            raise ShapeError(
                f"boxes {shape_text(boxes.shape)} and scores {shape_text(scores.shape)} must be "
                "(n, 4) and (n,)",
                port="boxes",
            )
        return TensorType("int32", (None,))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        boxes, scores = arrays
        return np.array(kept(boxes, scores, attrs["max_output_size"], attrs), "int32")

    def samples(self) -> Iterator[Sample]:
        boxes = np.array([[0, 0, 2, 2], [0.1, 0, 2, 2.1], [5, 5, 3, 3], [0, 0, 0, 3]])
        for dtype in FLOATS:
            kind = numpy_dtype(dtype)
            arrays = boxes.astype(kind), np.array([0.5, 0.9, 0.7, 0.2], kind)
            yield Sample(arrays)
            yield Sample(arrays, {"max_output_size": 1, "score_threshold": 0.6})
        yield Sample((values((3, 4)), values((3,))), {"iou_threshold": 0.0})
        yield Sample((np.zeros((0, 4)), np.zeros(0)))
        yield Sample((np.zeros((1, 4)), np.zeros(1)))


@register
class BatchedNonMaxSuppression(Suppression):
    """The best boxes among overlapping ones, for each row and class."""

    id = "batched_non_max_suppression"
    keywords = ("nms", "object detection", "NonMaxSuppression", "combined", "iou", "boxes")
    doc = (
        "Row, class and index of the boxes that are kept: (k, 3), int64.\n\nAs "
        "non_max_suppression, for each row of boxes (rows, n, 4) and each class of scores "
        "(rows, classes, n). Boxes are two corners y1, x1, y2, x2, or with center_point_box the "
        "centre x, y, then width and height. As ONNX's NonMaxSuppression. No gradient flows."
    )
    inputs = (
        Port("boxes", "Boxes of each row: (rows, n, 4).", FLOATS, "T"),
        Port("scores", "Scores of each class: (rows, classes, n).", FLOATS, "T"),
    )
    attrs = (
        Attr("max_output_boxes_per_class", "int", 10, "Largest number of boxes.", minimum=0),
        *THRESHOLDS,
        Attr("center_point_box", "bool", False, "Boxes are centre x, y, width and height."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        boxes, scores = types
        if (
            boxes.rank != 3
            or scores.rank != 3
            or not compatible(boxes.shape, (scores.shape[0], scores.shape[2], 4))
        ):
            raise ShapeError(
                f"boxes {shape_text(boxes.shape)} and scores {shape_text(scores.shape)} must be "
                "(rows, n, 4) and (rows, classes, n)",
                port="boxes",
            )
        return TensorType("int64", (None, 3))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        boxes, scores = arrays
        if attrs["center_point_box"]:
            x, y, width, height = (boxes[..., i : i + 1] / (1 if i < 2 else 2) for i in range(4))
            boxes = np.concatenate([y - height, x - width, y + height, x + width], axis=-1)
        most = attrs["max_output_boxes_per_class"]
        found = [
            (row, kind, index)
            for row in range(len(boxes))
            for kind in range(scores.shape[1])
            for index in kept(boxes[row], scores[row, kind], most, attrs)
        ]
        return np.array(found, "int64").reshape(-1, 3)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            arrays = values((2, 5, 4), dtype), values((2, 3, 5), dtype)
            for middle in (False, True):
                attrs = {"center_point_box": middle, "score_threshold": 0.0}
                yield Sample(arrays, {**attrs, "max_output_boxes_per_class": 2})
        yield Sample((np.zeros((0, 3, 4)), np.zeros((0, 2, 3))))
        yield Sample((np.zeros((1, 1, 4)), np.zeros((1, 1, 1))))
