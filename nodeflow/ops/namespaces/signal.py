"""`signal` and `spectral`: signals, with the names and argument orders of TensorFlow 1.

It also has every op on signals. A window is a function of a length; ``window_fn=None`` means none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import COMPLEX
from nodeflow.namespaces import unknown
from nodeflow.ops import functions as F
from nodeflow.ops.math.complex_numbers import PART
from nodeflow.ops.namespaces.arguments import scoped, tensor
from nodeflow.public import publish

__all__ = [
    "dct",
    "frame",
    "hamming_window",
    "hann_window",
    "idct",
    "inverse_stft",
    "inverse_stft_window_fn",
    "irfft",
    "irfft2d",
    "irfft3d",
    "linear_to_mel_weight_matrix",
    "mfccs_from_log_mel_spectrograms",
    "overlap_and_add",
    "rfft",
    "rfft2d",
    "rfft3d",
    "stft",
]
FAMILY = "Signal"
Window = Callable[..., Tensor]


def __getattr__(name: str) -> Any:
    if name in REGISTRY and REGISTRY.lookup(name).category == FAMILY:
        return getattr(F, name)
    raise AttributeError(unknown(name, __all__, "signal"))


def __dir__() -> list[str]:
    return sorted(__all__)


def hann_window(
    window_length: int, periodic: bool = True, dtype: Any = "float32", name: str | None = None
) -> Tensor:
    """Return ``window_length`` weights: one period of a raised cosine, 0 at its ends."""
    return F.hann_window(window_length=window_length, periodic=periodic, dtype=dtype, name=name)


def hamming_window(
    window_length: int, periodic: bool = True, dtype: Any = "float32", name: str | None = None
) -> Tensor:
    """Return ``window_length`` weights: one period of a raised cosine, 0.08 at its ends."""
    return F.hamming_window(window_length=window_length, periodic=periodic, dtype=dtype, name=name)


def rfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """Return the first n / 2 + 1 frequencies of real signals along the last axis."""
    return F.rfft(input_tensor, fft_length=_sizes(fft_length), name=name)


def rfft2d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """Apply `rfft` to the last two axes."""
    return F.rfft2d(input_tensor, fft_length=_sizes(fft_length), name=name)


def rfft3d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """Apply `rfft` to the last three axes."""
    return F.rfft3d(input_tensor, fft_length=_sizes(fft_length), name=name)


def irfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """Return the real signals with these first frequencies."""
    return F.irfft(input_tensor, fft_length=_sizes(fft_length), name=name)


def irfft2d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """Apply `irfft` to the last two axes."""
    return F.irfft2d(input_tensor, fft_length=_sizes(fft_length), name=name)


def irfft3d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """Apply `irfft` to the last three axes."""
    return F.irfft3d(input_tensor, fft_length=_sizes(fft_length), name=name)


def dct(
    input: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    name: str | None = None,
) -> Tensor:
    """Apply the discrete cosine transform of type 1, 2, 3 or 4 to the last axis.

    Args:
        n: only None, as in TensorFlow 1: the length of the signal.
        axis: only -1, as in TensorFlow 1.
        norm: None or "ortho".

    Raises:
        GraphError: another axis or length is given.
    """
    if n is not None or axis != -1:
        raise GraphError(
            "dct transforms all of the last axis",
            hint="Omit n and axis; slice, pad or transpose the input first.",
        )
    return F.dct(input, type=str(type), norm=norm, name=name)


def idct(
    input: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    name: str | None = None,
) -> Tensor:
    """Invert `dct` by the transform of the inverse type; without ``norm`` the result is times 2 N.

    As in TensorFlow 1, ``norm=None`` leaves the factor 2 N (for type 1, 2 (N - 1)) to the caller.
    """
    return dct(input, {1: 1, 2: 3, 3: 2, 4: 4}.get(type, type), n, axis, norm, name)


def frame(
    signal: Any,
    frame_length: int,
    frame_step: int,
    pad_end: bool = False,
    pad_value: float = 0,
    axis: int = -1,
    name: str | None = None,
) -> Tensor:
    """Return overlapping frames of an axis, which becomes two: frames and frame_length."""
    signal = tensor(signal)
    with scoped(name, "frame", [signal]):
        rank = signal.type.rank
        at = axis % max(rank, 1)
        if at != rank - 1:
            order = [a for a in range(rank) if a != at]
            signal = F.transpose(signal, perm=[*order, at])
        found = F.frame(
            signal, frame_length=frame_length, frame_step=frame_step, pad_end=pad_end,
            pad_value=pad_value,
        )  # fmt: skip
        if at == rank - 1:
            return found
        others = list(range(rank - 1))
        return F.transpose(found, perm=[*others[:at], rank - 1, rank, *others[at:]])


def overlap_and_add(signal: Any, frame_step: int, name: str | None = None) -> Tensor:
    """Sum frames (..., frames, frame_length) that begin ``frame_step`` apart."""
    return F.overlap_and_add(signal, frame_step=frame_step, name=name)


def stft(
    signals: Any,
    frame_length: int,
    frame_step: int,
    fft_length: int | None = None,
    window_fn: Window | None = hann_window,
    pad_end: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return the short-time Fourier transform: spectra of overlapping frames of the last axis.

    Args:
        fft_length: size of each transform; None: the smallest power of 2 that holds a frame.
        window_fn: function that returns the weights of a frame from its length and ``dtype``; None:
            no window.
        pad_end: start frames up to the end of the signal, padded with 0.
    """
    sizes: dict[str, Any] = {"frame_length": frame_length, "frame_step": frame_step}
    more: dict[str, Any] = {"fft_length": fft_length, "pad_end": pad_end}
    if window_fn in _NAMED:
        return F.stft(signals, **sizes, **more, window=_NAMED[window_fn], name=name)
    assert window_fn is not None
    signals = tensor(signals)
    with scoped(name, "stft", [signals]):
        frames = F.frame(signals, **sizes, pad_end=pad_end)
        frames = frames * window_fn(frame_length, dtype=frames.dtype)
        return F.rfft(frames, fft_length=[fft_length or _power_of_two(frame_length)])


def inverse_stft(
    stfts: Any,
    frame_length: int,
    frame_step: int,
    fft_length: int | None = None,
    window_fn: Window | None = hann_window,
    name: str | None = None,
) -> Tensor:
    """Reconstruct signals from their short-time Fourier transforms: invert each frame, multiply it
    by a window, and add the overlapping frames.

    Args:
        window_fn: the window. Use the result of `inverse_stft_window_fn` to invert `stft` exactly.
    """
    sizes: dict[str, Any] = {"frame_length": frame_length, "frame_step": frame_step}
    if window_fn in _NAMED:
        window = _NAMED[window_fn]
        return F.inverse_stft(stfts, **sizes, fft_length=fft_length, window=window, name=name)
    assert window_fn is not None
    stfts = tensor(stfts)
    if stfts.dtype not in COMPLEX:
        # which raises the error
        return F.inverse_stft(stfts, **sizes, fft_length=fft_length, name=name)
    with scoped(name, "inverse_stft", [stfts]):
        size = fft_length or _power_of_two(frame_length)
        frames = F.irfft(stfts, fft_length=[size])[..., :frame_length]
        if size < frame_length:
            pads = [[0, 0]] * (frames.type.rank - 1) + [[0, frame_length - size]]
            frames = F.pad(frames, paddings=pads)
        frames = frames * window_fn(frame_length, dtype=PART[stfts.dtype])
        return F.overlap_and_add(frames, frame_step=frame_step)


def inverse_stft_window_fn(
    frame_step: int, forward_window_fn: Window = hann_window, name: str | None = None
) -> Window:
    """Return a window function for `inverse_stft` that makes it the exact inverse of `stft`.

    Griffin and Lim, Signal estimation from modified short-time Fourier transform, 1984.

    Args:
        frame_step: the distance of frames in `stft`.
        forward_window_fn: the window function that `stft` uses.
    """

    def window(frame_length: int, dtype: Any = "float32") -> Tensor:
        forward = forward_window_fn(frame_length, dtype=dtype)
        overlaps = -(-frame_length // frame_step)
        pads = [[0, overlaps * frame_step - frame_length]]
        squares = F.pad(F.square(forward), paddings=pads)
        total = F.reduce_sum(F.reshape(squares, shape=[overlaps, frame_step]), axis=0)
        repeated = F.tile(total, multiples=[overlaps])[:frame_length]
        return forward / repeated

    return window


def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20,
    num_spectrogram_bins: int = 129,
    sample_rate: float = 8000,
    lower_edge_hertz: float = 125.0,
    upper_edge_hertz: float = 3800.0,
    dtype: Any = "float32",
    name: str | None = None,
) -> Tensor:
    """Return the weights (num_spectrogram_bins, num_mel_bins) from frequencies to mel bins."""
    return F.linear_to_mel_weight_matrix(
        num_mel_bins=num_mel_bins, num_spectrogram_bins=num_spectrogram_bins,
        sample_rate=sample_rate, lower_edge_hertz=lower_edge_hertz,
        upper_edge_hertz=upper_edge_hertz, dtype=dtype, name=name,
    )  # fmt: skip


def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Any, name: str | None = None) -> Tensor:
    """Return the mel-frequency cepstral coefficients of log mel spectrograms."""
    return F.mfccs_from_log_mel_spectrograms(log_mel_spectrograms, name=name)


def _sizes(fft_length: Any) -> Any:
    """Return sizes as a list, also if they are given as an array."""
    return fft_length if fft_length is None else [int(n) for n in np.ravel(fft_length)]


def _power_of_two(size: int) -> int:
    return 1 << (size - 1).bit_length()


_NAMED: dict[Any, str] = {None: "none", hann_window: "hann", hamming_window: "hamming"}
"""Windows that the ops have by name."""
publish(globals(), __all__)
_NAMED |= {hann_window: "hann", hamming_window: "hamming"}  # the public versions of these functions
