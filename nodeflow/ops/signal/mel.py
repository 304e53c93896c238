"""The mel scale, on which equal steps sound equal, and the cepstrum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.math.reduction import element_count
from nodeflow.ops.samples import values


def hertz_to_mel(frequencies: np.ndarray) -> np.ndarray:
    """Convert Hertz to mel: O'Shaughnessy, Speech Communication, 1987, with HTK's constants."""
    return 1127.0 * np.log1p(frequencies / 700.0)


@register
class LinearToMelWeightMatrix(Op):
    """Weights from frequencies to mel bins."""

    id = "linear_to_mel_weight_matrix"
    category = "Signal"
    everyday = False
    keywords = ("mel", "filterbank", "spectrogram", "audio", "speech", "MelWeightMatrix")
    doc = (
        "The weights that turn a spectrogram into a mel spectrogram by matrix multiplication.\n\n"
        "The result (num_spectrogram_bins, num_mel_bins) holds triangles that are evenly spaced "
        "on the mel scale between the edges. The weights of frequency 0 are 0. As in TensorFlow."
    )
    attrs = (
        Attr("num_mel_bins", "int", 20, "Number of bins of the result.", minimum=1),
        Attr("num_spectrogram_bins", "int", 129, "Number of frequencies of a spectrum.", minimum=1),
        Attr("sample_rate", "float", 8000.0, "Samples of the signal per second."),
        Attr("lower_edge_hertz", "float", 125.0, "Lowest frequency.", minimum=0.0),
        Attr("upper_edge_hertz", "float", 3800.0, "Highest frequency."),
        Attr("dtype", "dtype", "float32", "Data type.", choices=FLOATS),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        low, high, rate = (
            attrs[n] for n in ("lower_edge_hertz", "upper_edge_hertz", "sample_rate")
        )
        if not rate > 0:
            raise AttributeProblem(
                f"sample_rate must be positive, not {rate:g}", port="sample_rate"
            )
        if not low < high <= rate / 2:
            raise AttributeProblem(
                f"upper_edge_hertz must lie above {low:g} and be at most half the sample rate, "
                f"{rate / 2:g}, not {high:g}",
                port="upper_edge_hertz",
            )
        return TensorType(attrs["dtype"], (attrs["num_spectrogram_bins"], attrs["num_mel_bins"]))

    def lower(self, *args: Any, **attrs: Any) -> Any:
        return lowering.Known(self.reference(**attrs))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        bins = np.linspace(0.0, attrs["sample_rate"] / 2, attrs["num_spectrogram_bins"])[1:, None]
        low, high = hertz_to_mel(np.array([attrs["lower_edge_hertz"], attrs["upper_edge_hertz"]]))
        edges = np.linspace(low, high, attrs["num_mel_bins"] + 2)
        lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
        mel = hertz_to_mel(bins)
        rise, fall = (mel - lower) / (center - lower), (upper - mel) / (upper - center)
        weights = np.maximum(0.0, np.minimum(rise, fall))
        return np.concatenate([np.zeros((1, len(center))), weights]).astype(attrs["dtype"])

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((), {"num_mel_bins": 5, "num_spectrogram_bins": 17, "dtype": dtype})


@register
class MFCCs(Composed):
    """Mel-frequency cepstral coefficients."""

    id = "mfccs_from_log_mel_spectrograms"
    category = "Signal"
    everyday = False
    keywords = ("MFCC", "cepstrum", "mel", "speech", "audio", "coefficients")
    doc = (
        "The mel-frequency cepstral coefficients of log mel spectrograms.\n\nThe orthonormal "
        "cosine transform of type 2 along the last axis, scaled as in HTK. Davis and Mermelstein, "
        "1980. Gradient: as for dct."
    )
    differentiable = True
    inputs = (Port("x", "Logarithms of mel spectrograms.", FLOATS),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        if not x.rank or x.shape[-1] == 0:
            raise ShapeError("there are no mel bins along the last axis", port="x")
        return x.with_shape(x.shape)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        return F.dct(x) * (element_count(x, -1) * 2) ** -0.5

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((2, 5), dtype),), smooth=dtype == "float64")
        yield Sample((values((0, 3)),))
        yield Sample((values((1, 1)),), smooth=True)
