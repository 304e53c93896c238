"""The short-time Fourier transform and its inverse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import COMPLEX, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.math.complex_numbers import PART, WHOLE
from nodeflow.ops.samples import values
from nodeflow.ops.signal.frames import FRAME_LENGTH, FRAME_STEP, PAD_END, count_frames, known_size

FFT_LENGTH = Attr(
    "fft_length", "int", None,
    "Size of each transform; none: smallest power of 2 that holds a frame.",
    minimum=1, optional=True,
)  # fmt: skip
WINDOW = Attr(
    "window",
    "choice",
    "hann",
    "Window that multiplies each frame.",
    choices=("hann", "hamming", "none"),
)


def fft_size(attrs: dict[str, Any]) -> int:
    """Return the size of each transform."""
    given = attrs["fft_length"]
    return 1 << (attrs["frame_length"] - 1).bit_length() if given is None else given


def weights(attrs: dict[str, Any], dtype: str) -> Tensor | None:
    """Return the window function's weights for a frame of a signal, or None if the op uses no
    window.
    """
    if attrs["window"] == "none":
        return None
    window = F.hann_window if attrs["window"] == "hann" else F.hamming_window
    return window(window_length=attrs["frame_length"], dtype=dtype)


@register
class STFT(Composed):
    """Spectra of overlapping frames."""

    id = "stft"
    differentiable = False
    category = "Signal"
    keywords = ("spectrogram", "short-time", "fourier", "frequency", "audio", "sound", "spectrum")
    doc = (
        "The spectra of overlapping frames of the last axis: the short-time Fourier transform.\n\n"
        "(..., n) gives (..., frames, fft_length / 2 + 1), complex. Each frame is multiplied by "
        "the window and transformed by rfft. The absolute value of the result is the spectrogram. "
        "No gradient yet."
    )
    inputs = (Port("x", "Signals.", tuple(WHOLE)),)
    attrs = (FRAME_LENGTH, FRAME_STEP, FFT_LENGTH, WINDOW, PAD_END)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        if not x.rank:
            raise ShapeError("stft needs an axis, not a single number", port="x")
        count = count_frames(known_size(x, -1, self.id), attrs)
        return TensorType(WHOLE[x.dtype], (*x.shape[:-1], count, fft_size(attrs) // 2 + 1))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        kept = {name: attrs[name] for name in ("frame_length", "frame_step", "pad_end")}
        frames = F.frame(inputs[0], **kept)
        window = weights(attrs, frames.dtype)
        frames = frames if window is None else frames * window
        return F.rfft(frames, fft_length=[fft_size(attrs)])

    def samples(self) -> Iterator[Sample]:
        sizes = {"frame_length": 5, "frame_step": 2}
        for dtype in WHOLE:
            yield Sample((values((2, 16), dtype),), sizes)
        for window in WINDOW.choices:
            yield Sample((values((9,)),), {**sizes, "window": window, "fft_length": 6})
        yield Sample((values((9,)),), {**sizes, "pad_end": True})
        yield Sample((values((0, 9)),), sizes)
        yield Sample((values((1, 1)),), {"frame_length": 1, "frame_step": 1})


@register
class InverseSTFT(Composed):
    """Signals from spectra."""

    id = "inverse_stft"
    differentiable = False
    category = "Signal"
    everyday = False
    keywords = ("istft", "short-time", "fourier", "reconstruct", "synthesis", "audio")
    doc = (
        "The signal from overlapping spectra: irfft, window, and sum of the frames.\n\n(..., "
        "frames, fft_length / 2 + 1) gives (..., n). It is the inverse of stft where the "
        "overlapping squared windows add up to 1; signal.inverse_stft_window_fn returns such a "
        "window. No gradient yet."
    )
    inputs = (Port("x", "Spectra.", COMPLEX),)
    attrs = (FRAME_LENGTH, FRAME_STEP, FFT_LENGTH, WINDOW)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        if x.rank < 2:
            raise ShapeError(
                f"spectra are (..., frames, frequencies), not {shape_text(x.shape)}", port="x"
            )
        frames = known_size(x, -2, self.id)
        total = attrs["frame_length"] + (frames - 1) * attrs["frame_step"] if frames else 0
        return TensorType(PART[x.dtype], (*x.shape[:-2], total))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, length, size = inputs[0], attrs["frame_length"], fft_size(attrs)
        frames = F.irfft(x, fft_length=[size])[..., :length]
        if size < length:
            pads = [[0, 0]] * (x.type.rank - 1) + [[0, length - size]]
            frames = F.pad(frames, paddings=pads)
        window = weights(attrs, frames.dtype)
        frames = frames if window is None else frames * window
        return F.overlap_and_add(frames, frame_step=attrs["frame_step"])

    def samples(self) -> Iterator[Sample]:
        sizes = {"frame_length": 5, "frame_step": 2}
        for dtype in COMPLEX:
            yield Sample((values((2, 3, 5), dtype),), sizes)
        for window in WINDOW.choices:
            attrs = {**sizes, "window": window, "fft_length": 4}
            yield Sample((values((4, 3), "complex64"),), attrs)
        yield Sample((values((0, 3, 5), "complex64"),), sizes)
        yield Sample((values((1, 1), "complex64"),), {"frame_length": 1, "frame_step": 1})
