"""Run by `test_torch.py` in a Python that has PyTorch: layers and losses, values and gradients.

    python torch_layers.py IN.pkl OUT.pkl

IN holds a list of (op, attributes, float64 and other arrays); OUT gets for each the outputs and the
gradients of ``sum(cos(0, 1, 2, ...) * outputs)`` by the float arrays.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

Tensors = list[torch.Tensor]


def conv(x: torch.Tensor, filters: torch.Tensor, attrs: dict[str, Any]) -> torch.Tensor:
    """With the border of padding same written out; channels where ``layout`` has them."""
    last = attrs["layout"].endswith("C")
    x = x.movedim(-1, 1) if last else x
    axes = x.ndim - 2
    if attrs["padding"] == "same":
        border: list[int] = []
        for axis in reversed(range(axes)):
            size, stride = x.shape[2 + axis], attrs["strides"][axis]
            seen = (filters.shape[axis] - 1) * attrs["dilations"][axis] + 1
            missing = max((-(-size // stride) - 1) * stride + seen - size, 0)
            border += [missing // 2, missing - missing // 2]
        x = F.pad(x, border)
    function = F.conv1d if axes == 1 else F.conv2d
    weights = filters.movedim((-1, -2), (0, 1))
    y = function(x, weights, None, attrs["strides"], 0, attrs["dilations"], attrs["groups"])
    return y.movedim(1, -1) if last else y


def recurrent(kind: str, x: torch.Tensor, kernel, recurrent_kernel, bias) -> Tensors:
    """One layer of PyTorch's; its GRU has the gates in another order."""
    weights = [kernel, recurrent_kernel, bias]
    if kind == "gru":
        z, r, n = zip(*(w.chunk(3, -1) for w in weights), strict=True)
        weights = [torch.cat(gates, -1) for gates in zip(r, z, n, strict=True)]
    kernel, recurrent_kernel, bias = weights
    start = torch.zeros(1, x.shape[0], recurrent_kernel.shape[0], dtype=x.dtype)
    layer = {"lstm": torch._VF.lstm, "gru": torch._VF.gru, "rnn": torch._VF.rnn_tanh}[kind]
    state = (start, start) if kind == "lstm" else start
    flat = [kernel.T, recurrent_kernel.T, bias, torch.zeros_like(bias)]
    outputs, *last = layer(x, state, flat, True, 1, 0.0, False, False, True)
    return [outputs, *(each[0] for each in last)]


def cumsum(x: torch.Tensor, attrs: dict[str, Any]) -> torch.Tensor:
    axis, turn = attrs["axis"], attrs.get("reverse", False)
    x = x.flip(axis) if turn else x
    y = x.cumsum(axis) - (x if attrs.get("exclusive") else 0)
    return y.flip(axis) if turn else y


def attention(q, k, v, mask=None, *, causal: bool = False) -> list[torch.Tensor]:
    """The outputs, and the weights, which PyTorch's function does not show: by their formula."""
    if causal:
        mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril()
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return [out, scores.softmax(-1)]


def segments(x: torch.Tensor, which: torch.Tensor, count: int) -> torch.Tensor:
    return torch.zeros(count, *x.shape[1:], dtype=x.dtype).index_add(0, which, x)


def cross_entropy(labels: torch.Tensor, predictions: torch.Tensor, attrs) -> torch.Tensor:
    if attrs.get("from_logits"):
        return F.cross_entropy(predictions, labels)
    return -(labels * predictions.log()).sum(-1).mean()


def binary(labels: torch.Tensor, predictions: torch.Tensor, attrs) -> torch.Tensor:
    name = "binary_cross_entropy" + ("_with_logits" if attrs.get("from_logits") else "")
    return getattr(F, name)(predictions, labels)


THEIRS: dict[str, Callable[[Tensors, dict[str, Any]], torch.Tensor | Tensors]] = {
    "conv1d": lambda x, a: conv(*x, a),
    "conv2d": lambda x, a: conv(*x, a),
    "max_pool2d": lambda x, a: F.max_pool2d(x[0].movedim(-1, 1), 2).movedim(1, -1),
    "average_pool2d": lambda x, a: F.avg_pool2d(x[0].movedim(-1, 1), 2).movedim(1, -1),
    "rnn": lambda x, a: recurrent("rnn", *x),
    "gru": lambda x, a: recurrent("gru", *x),
    "lstm": lambda x, a: recurrent("lstm", *x),
    "attention": lambda x, a: attention(*x, **a),
    "cumsum": lambda x, a: cumsum(x[0], a),
    "einsum": lambda x, a: torch.einsum(a["equation"], *x),
    "matmul": lambda x, a: x[0] @ x[1],
    "top_k": lambda x, a: list(x[0].topk(a["k"])),
    "segment_sum": lambda x, a: segments(*x, a["count"]),
    "embedding_lookup": lambda x, a: F.embedding(x[1], x[0]),
    "layer_normalization": lambda x, a: F.layer_norm(x[0], x[0].shape[-1:], x[1], x[2], 1e-5),
    "huber_loss": lambda x, a: F.huber_loss(x[1], x[0]),
    "kl_divergence": lambda x, a: F.kl_div(x[1].log(), x[0], reduction="batchmean"),
    "binary_cross_entropy": lambda x, a: binary(*x, a),
    "categorical_cross_entropy": lambda x, a: cross_entropy(*x, a),
}


def solve(op: str, attrs: dict[str, Any], arrays: list[np.ndarray]) -> tuple[list, list]:
    """Outputs and gradients."""
    inputs = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    found = THEIRS[op](inputs, attrs)
    outputs = found if isinstance(found, list) else [found]
    floats = [t for t in outputs if t.is_floating_point()]
    total = sum((t.flatten() * torch.arange(t.numel(), dtype=t.dtype).cos()).sum() for t in floats)
    trained = [t for t in inputs if t.requires_grad]
    slopes = torch.autograd.grad(total, trained)
    return [t.detach().numpy() for t in outputs], [s.numpy() for s in slopes]


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as source, open(sys.argv[2], "wb") as target:
        pickle.dump([solve(*case) for case in pickle.load(source)], target)
