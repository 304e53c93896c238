"""Runs in an interpreter that has onnxruntime: quantizes a model as its quantizer does.

Usage: ``python onnx_quantizer.py MODEL SAMPLES.npy FORMAT RESULT``; FORMAT is QDQ or QOperator.
"""

from __future__ import annotations

import sys

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static


class Samples(CalibrationDataReader):
    """The samples of a file, one after another."""

    def __init__(self, path: str) -> None:
        self._left = iter(np.load(path))

    def get_next(self) -> dict[str, np.ndarray] | None:
        found = next(self._left, None)
        return None if found is None else {"x": found}


if __name__ == "__main__":
    source, samples, way, result = sys.argv[1:]
    quantize_static(source, result, Samples(samples), quant_format=QuantFormat[way])
