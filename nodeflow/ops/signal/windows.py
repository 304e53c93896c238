"""Windows: factors of the samples of a frame, which fade its ends out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Attr
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops import lowering


class RaisedCosine(Op):
    """The window ``a - b cos(2 pi i / n)``."""

    category = "Signal"
    everyday = False
    attrs = (
        Attr("window_length", "int", 256, "Number of weights.", minimum=1),
        Attr("periodic", "bool", True, "For spectra: leave the last weight out."),
        Attr("dtype", "dtype", "float32", "Data type.", choices=FLOATS),
    )

    def __init__(self, op_id: str, doc: str, a: float, b: float) -> None:
        self.id, self.doc, self.a, self.b = op_id, doc, a, b
        self.keywords = ("window", "spectrum", "leakage", "taper", "stft")

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return TensorType(attrs["dtype"], (attrs["window_length"],))

    def lower(self, *args: Any, **attrs: Any) -> Any:
        return lowering.Known(self.reference(**attrs))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        length = attrs["window_length"]
        if length == 1:
            return np.ones(1, attrs["dtype"])
        n = length - 1 + (attrs["periodic"] and length % 2 == 0)  # TensorFlow's rule
        return (self.a - self.b * np.cos(2 * np.pi * np.arange(length) / n)).astype(attrs["dtype"])

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((), {"window_length": 6, "dtype": dtype})
        for length in (1, 2, 5):
            for periodic in (False, True):
                yield Sample((), {"window_length": length, "periodic": periodic})


for _id, _a, _b, _text in (
    ("hann_window", 0.5, 0.5, "one period of a raised cosine, 0 at its ends"),
    ("hamming_window", 0.54, 0.46, "one period of a raised cosine, 0.08 at its ends"),
):
    REGISTRY.register(
        RaisedCosine(
            _id,
            f"The weights of a {_id.replace('_w', ' w').capitalize()}: {_text}.\n\nThe shape is "
            "(window_length,). `periodic` windows of an even length fit together in spectra. For "
            "an odd length, both kinds are the same, as in TensorFlow.",
            _a,
            _b,
        )
    )
