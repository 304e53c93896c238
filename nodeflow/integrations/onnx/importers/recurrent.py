# Attributes come from a file, so their types are checked only when a node is made.
# pyright: reportArgumentType=false, reportOptionalOperand=false, reportOptionalSubscript=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false
"""Recurrent networks: ONNX's weights, states and directions, rearranged for nodeflow.

In ONNX, the gates of a kernel are rows, and there is a leading axis for directions. In
nodeflow, gates are columns in another order, and each direction is a node.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow.integrations.onnx.call import Call, LeftOut, op, size

GATES = {"LSTM": (0, 2, 3, 1), "GRU": (0, 1, 2), "RNN": (0,)}
"""For each position in nodeflow's order, the index of ONNX's gate. LSTM: ONNX has i, o, f, g;
nodeflow i, f, g, o.
"""
ACTIVATIONS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}


@op("LSTM", "GRU", "RNN")
def recurrent(call: Call) -> Any:
    _refuse_rare(call)
    batch_first = call.flag("layout")
    x = call.x() if batch_first else nf.transpose(call.x(), perm=[1, 0, 2])
    directions = 2 if call.get("direction", "forward") == "bidirectional" else 1
    found = [_direction(call, x, d, batch_first) for d in range(directions)]
    outputs: list[nf.Tensor | None] = []
    if call.wants(0):
        sequences = [one[0] for one in found]
        if not batch_first:
            sequences = [nf.transpose(y, perm=[1, 0, 2]) for y in sequences]
        outputs.append(nf.stack(sequences, axis=2 if batch_first else 1))
    else:
        outputs.append(None)
    for state in range(1, len(found[0])):
        ends = nf.stack([one[state] for one in found], axis=1 if batch_first else 0)
        outputs.append(ends if call.wants(state) else None)
    return outputs


def _refuse_rare(call: Call) -> None:
    kind = call.op
    if call.has(4):
        lengths, steps = call.value(4), call.shape(0)[1 if call.flag("layout") else 0]
        if np.any(lengths != steps):
            raise LeftOut("sequences of different lengths")
    if kind == "LSTM" and call.has(7) and np.any(call.value(7)):
        raise LeftOut("peepholes")
    if call.get("clip") is not None or call.flag("input_forget"):
        raise LeftOut("a recurrent layer with clipped or coupled gates")
    wanted = call.get("activations")
    count = 2 if call.get("direction") == "bidirectional" else 1
    if wanted is not None and wanted != ACTIVATIONS[kind] * count:
        plain = kind == "RNN" and set(wanted) <= {"Tanh", "Relu"} and len(set(wanted)) == 1
        if not plain:
            raise LeftOut(f"a recurrent layer with {', '.join(wanted)}")


def _direction(call: Call, x: nf.Tensor, which: int, batch_first: bool) -> Sequence[nf.Tensor]:
    """Translate one direction of an ONNX recurrent layer. Return the outputs of all steps, (batch,
    steps, features), and the final states.
    """
    backwards = which == 1 or call.get("direction", "forward") == "reverse"
    gates, units = GATES[call.op], call.get("hidden_size") or call.sizes(2)[2]
    kernel, recurrent_kernel = (_kernel(call, i, which, gates, units) for i in (1, 2))
    rows = call.shape(0)[0 if batch_first else 1]
    states = [_state(call, i, which, batch_first, rows, units) for i in (5, 6)]
    states = states if call.op == "LSTM" else states[:1]
    if call.op == "GRU":
        return _gru(call, x, kernel, recurrent_kernel, states[0], which, units, backwards)
    bias = _bias(call, which, gates, units)
    if call.op == "LSTM":
        return nf.lstm(x, kernel, recurrent_kernel, bias, *states, reverse=backwards)
    activation = (call.get("activations") or ["Tanh"])[0].lower()
    return nf.rnn(
        x, kernel, recurrent_kernel, bias, *states, activation=activation, reverse=backwards
    )


def _kernel(call: Call, index: int, which: int, gates: Sequence[int], units: int) -> nf.Tensor:
    """Convert a recurrent layer's weights for one direction from ONNX's (directions, gates * units,
    features) to (features, gates * units), with the gates in nodeflow's order.
    """
    rows = np.concatenate([np.arange(units) + gate * units for gate in gates])

    def in_graph(t: nf.Tensor) -> nf.Tensor:
        return nf.transpose(nf.gather(t[which], nf.constant(rows)), perm=[1, 0])

    return call.weight(index, lambda a: a[which][rows].T, in_graph)


def _bias(call: Call, which: int, gates: Sequence[int], units: int) -> Any:
    """Return the sum of ONNX's two biases, in nodeflow's order of gates."""
    rows = np.concatenate([np.arange(units) + gate * units for gate in gates])
    other = rows + len(gates) * units
    if not call.has(3):
        return nf.zeros([len(gates) * units], dtype=call.dtype(1))

    def in_graph(t: nf.Tensor) -> nf.Tensor:
        row = t[which]
        return nf.gather(row, nf.constant(rows)) + nf.gather(row, nf.constant(other))

    return call.weight(3, lambda a: a[which][rows] + a[which][other], in_graph)


def _state(
    call: Call, index: int, which: int, batch_first: bool, rows: int | None, units: int
) -> nf.Tensor:
    """Return an initial state of an ONNX recurrent layer, (batch, units). Return zeros if the input
    is omitted.
    """
    if call.has(index):
        x = call.x(index)
        return x[:, which] if batch_first else x[which]
    dtype = call.dtype(1)
    if rows is not None:
        return nf.zeros([rows, units], dtype=dtype)
    first = size(call.x(), 0 if batch_first else 1)
    return nf.fill(shape=nf.stack([first, np.int64(units)]), value=0.0, dtype=dtype)


def _gru(
    call: Call,
    x: nf.Tensor,
    kernel: nf.Tensor,
    recurrent_kernel: nf.Tensor,
    state: nf.Tensor,
    which: int,
    units: int,
    backwards: bool,
) -> Sequence[nf.Tensor]:
    """Translate ONNX's GRU, where the candidate may have a bias after the reset gate, or the reset
    may come before its matrix product.
    """
    biases = call.known(3)
    inner = biases is not None and np.any(biases[which][5 * units :])
    plain = call.flag("linear_before_reset") and (
        not call.has(3) or (biases is not None and not inner)
    )
    if plain:
        bias = _bias(call, which, GATES["GRU"], units)
        return nf.gru(x, kernel, recurrent_kernel, bias, state, reverse=backwards)
    width = 3 * units
    if call.has(3):
        first = call.weight(3, lambda a: a[which][:width], lambda t: t[which][:width])
        second = call.weight(3, lambda a: a[which][width:], lambda t: t[which][width:])
    else:
        first = second = nf.zeros([width], dtype=call.dtype(1))
    projected = nf.matmul(nf.transpose(x, perm=[1, 0, 2]), kernel) + first
    reset_first = not call.flag("linear_before_reset")

    def step(h: nf.Tensor, p: nf.Tensor) -> nf.Tensor:
        z_x, r_x, n_x = nf.split(p, parts=3, axis=1)
        if reset_first:
            gates = nf.matmul(h, recurrent_kernel[:, : 2 * units]) + second[: 2 * units]
            z_h, r_h = nf.split(gates, parts=2, axis=1)
            kept = nf.sigmoid(r_x + r_h) * h
            n_h = nf.matmul(kept, recurrent_kernel[:, 2 * units :]) + second[2 * units :]
        else:
            z_h, r_h, n_h = nf.split(nf.matmul(h, recurrent_kernel) + second, parts=3, axis=1)
            n_h = nf.sigmoid(r_x + r_h) * n_h
        z, n = nf.sigmoid(z_x + z_h), nf.tanh(n_x + n_h)
        return n + z * (h - n)

    stacked = nf.scan(step, projected, state, reverse=backwards)
    last = stacked[0] if backwards else stacked[-1]
    return nf.transpose(stacked, perm=[1, 0, 2]), last
