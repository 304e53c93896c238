"""Runs in an interpreter that has onnxruntime: computes models as it does.

Usage: ``python onnx_runtime.py MODEL FEEDS.npz RESULTS.npz``.
"""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime


def main(model: str, feeds: str, results: str) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    with np.load(feeds) as given:
        found = session.run(None, {name: given[name] for name in given.files})
    np.savez(results, **{f"r{i}": array for i, array in enumerate(found)})


if __name__ == "__main__":
    main(*sys.argv[1:])
