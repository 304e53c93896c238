"""Rules for sampling pictures between their pixels, and for choosing boxes in them."""

from __future__ import annotations

import numpy as np

from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType
from nodeflow.integrations.onnx.emit import NUMBERS, Emitter, rule

OLD_METHODS = {"linear": "bilinear", "cubic": "bicubic"}
"""Names of the methods before opset 20."""


@rule("grid_sample")
def grid_sample(e: Emitter, node: Node) -> str:
    """Export ``grid_sample`` as ONNX's GridSample. Before opset 20, and with the cubic method, ONNX
    supports only two spatial axes. In the unsupported cases, export the simpler ops that the op is
    composed of.
    """
    method, axes = node.attrs["method"], node.inputs[0].type.rank - 2
    if axes != 2 and (e.opset < 20 or method == "cubic"):
        (made,) = node.alias
        assert made is not None
        return e.value(made)
    return e.node(
        "GridSample",
        [e.value(t) for t in node.inputs],
        mode=OLD_METHODS.get(method, method) if e.opset < 20 else method,
        padding_mode=node.attrs["padding"],
        align_corners=int(node.attrs["align_corners"]),
    )


def suppressed(
    e: Emitter, node: Node, boxes: str, scores: str, most: int, centre: bool = False
) -> str:
    """Export non-maximum suppression of boxes as a NonMaxSuppression node. Its output holds the
    indices (row, class, box) of the boxes to keep.
    """
    least = node.attrs["score_threshold"]
    inputs = [boxes, scores, e.ints([most], "most")]
    inputs.append(e.number([node.attrs["iou_threshold"]], "float32", "overlap"))
    if least is not None:
        inputs.append(e.number([least], "float32", "score"))
    type_ = TensorType("int64", (None, 3))
    return e.node("NonMaxSuppression", inputs, center_point_box=int(centre), type=type_)


@rule("batched_non_max_suppression")
def batched_non_max_suppression(e: Emitter, node: Node) -> str:
    boxes, scores = (e.value(t) for t in node.inputs)
    most = node.attrs["max_output_boxes_per_class"]
    return suppressed(e, node, boxes, scores, most, node.attrs["center_point_box"])


@rule("non_max_suppression")
def non_max_suppression(e: Emitter, node: Node) -> str:
    """Write the suppression for one row and one class."""
    boxes, scores = node.inputs
    row = e.node("Unsqueeze", [e.value(boxes), e.ints([0], "row")], type=boxes.type)
    kind = e.node("Unsqueeze", [e.value(scores), e.ints([0, 1], "class")], type=scores.type)
    found = suppressed(e, node, row, kind, node.attrs["max_output_size"])
    last = e.array(np.array(2, "int64"), f"{e.node_name}_box")
    numbers = e.node("Gather", [found, last], axis=1, type=TensorType("int64", (None,)))
    return e.node("Cast", [numbers], to=NUMBERS["int32"])
