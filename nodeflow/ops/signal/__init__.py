"""Signals: Fourier and cosine transforms, windows, frames, spectra."""

from nodeflow.ops.signal import cosine, fourier, frames, mel, spectra, windows

__all__ = ["cosine", "fourier", "frames", "mel", "spectra", "windows"]
