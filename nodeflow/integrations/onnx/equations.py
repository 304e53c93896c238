"""Layers by the equations in ONNX's documentation, where ONNX's evaluator differs from them.

The evaluator of onnx 1.22 lacks the last state of an LSTM's cell, the backward direction and
all activations except tanh. Before opset 14, it normalizes by the statistics of the batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

TRAINING_MODE = 14
"""The first opset whose batch normalization says by an attribute whether it is in training."""


def replaced_ops(opset: int) -> list[Any]:
    """Return the ops that replace ops in ONNX's reference evaluator, for models of this opset."""
    from onnx.reference.op_run import OpRun

    class BatchNormalization(OpRun):
        op_domain = ""

        def _run(
            self, x: Any, scale: Any, offset: Any, mean: Any, variance: Any, **attrs: Any
        ) -> tuple[np.ndarray]:
            shape = (-1, *[1] * (x.ndim - 2))
            epsilon = attrs.get("epsilon") or 1e-5
            factor = scale / np.sqrt(variance + np.float32(epsilon))
            made = (x - mean.reshape(shape)) * factor.reshape(shape) + offset.reshape(shape)
            return (made.astype(x.dtype),)

    return [*_recurrent_ops(), *([BatchNormalization] if opset < TRAINING_MODE else [])]


def _recurrent_ops() -> list[Any]:
    from onnx.reference.op_run import OpRun

    class Recurrent(OpRun):
        op_domain = ""
        gates = 1

        def _run(self, x: Any, w: Any, r: Any, b: Any = None, *more: Any, **attrs: Any) -> Any:
            states = [s for s in more[1:3] if s is not None]
            return _sequences(self.gates, x, w, r, b, states, attrs)

    kinds = {"RNN": 1, "GRU": 3, "LSTM": 4}
    return [type(name, (Recurrent,), {"gates": gates}) for name, gates in kinds.items()]


def _sequences(
    gates: int, x: Any, w: Any, r: Any, b: Any, states: list[Any], attrs: dict[str, Any]
) -> tuple[np.ndarray, ...]:
    count, units = len(w), r.shape[2]
    b = np.zeros((count, 2 * gates * units), x.dtype) if b is None else b
    wanted = 2 if gates == 4 else 1
    while len(states) < wanted:
        states.append(np.zeros((count, x.shape[1], units), x.dtype))
    found = []
    for d in range(count):
        backwards = d == 1 or attrs.get("direction") == "reverse"
        steps = x[::-1] if backwards else x
        outputs, ends = _steps(gates, steps, w[d], r[d], b[d], [s[d] for s in states], attrs)
        found.append([outputs[::-1] if backwards else outputs, *ends])
    y = np.stack([one[0] for one in found], axis=1)
    return (y, *(np.stack(each) for each in list(zip(*found, strict=True))[1:]))


def _steps(
    gates: int, x: Any, w: Any, r: Any, b: Any, states: list[Any], attrs: dict[str, Any]
) -> tuple[np.ndarray, list[np.ndarray]]:
    from_x, from_h = b[: len(b) // 2], b[len(b) // 2 :]
    units = r.shape[1]
    h, *cell = states
    relu = "Relu" in (attrs.get("activations") or ())
    outputs = []
    for row in x:
        p, q = row @ w.T + from_x, h @ r.T + from_h
        part = [slice(i * units, (i + 1) * units) for i in range(gates)]
        if gates == 1:
            h = np.maximum(p + q, 0) if relu else np.tanh(p + q)
        elif gates == 4:
            i, o, f = (_sigmoid((p + q)[:, s]) for s in part[:3])
            cell = [f * cell[0] + i * np.tanh((p + q)[:, part[3]])]
            h = o * np.tanh(cell[0])
        else:
            z, reset = (_sigmoid((p + q)[:, s]) for s in part[:2])
            if attrs.get("linear_before_reset"):
                inner = reset * q[:, part[2]]
            else:
                inner = (reset * h) @ r[part[2]].T + from_h[part[2]]
            h = (1 - z) * np.tanh(p[:, part[2]] + inner) + z * h
        outputs.append(h)
    return np.stack(outputs), [h, *cell]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))
