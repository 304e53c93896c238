"""Layers and losses in PyTorch, in another interpreter: values and gradients within 1e-9.

``make test-peers PEERS_PYTHON=...``; skipped where that is not given or has no PyTorch.
"""

from __future__ import annotations

import os
import pickle
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.session import Session

PYTHON = os.environ.get("PEERS_PYTHON")
TOLERANCE = 1e-9
LAYOUTS = {(1, False): "NWC", (1, True): "NCW", (2, False): "NHWC", (2, True): "NCHW"}
"""By number of axes, and whether channels are first."""

Case = tuple[str, dict[str, Any], list[np.ndarray]]


def has_torch() -> bool:
    return bool(PYTHON) and not subprocess.run([PYTHON, "-c", "import torch"]).returncode


pytestmark = pytest.mark.skipif(not has_torch(), reason="PEERS_PYTHON has no PyTorch")


def cases() -> list[Case]:
    """Every combination of a convolution's attributes, and each layer and loss."""
    rng = np.random.default_rng(7)
    normal = rng.standard_normal
    found: list[Case] = []
    ways = product(("same", "valid"), (1, 2), (1, 2), (1, 2), (False, True))
    for padding, stride, dilation, groups, first in ways:
        for axes, sizes, window in ((1, (9,), (3,)), (2, (7, 8), (3, 2))):
            attrs = {
                "strides": (stride,) * axes,
                "padding": padding,
                "dilations": (dilation,) * axes,
                "groups": groups,
                "layout": LAYOUTS[axes, first],
            }
            x, filters = normal((2, *sizes, 4)), normal((*window, 4 // groups, 6))
            found.append((f"conv{axes}d", attrs, [np.moveaxis(x, -1, 1) if first else x, filters]))
    found += [(op, {}, [normal((2, 6, 8, 3))]) for op in ("max_pool2d", "average_pool2d")]
    for kind, gates in (("rnn", 1), ("gru", 3), ("lstm", 4)):
        shapes = ((3, 6, 4), (4, gates * 5), (5, gates * 5), (gates * 5,))
        found.append((kind, {}, [normal(s) for s in shapes]))
    looked = [normal((2, 3, 6, 5)), normal((2, 3, 6, 5)), normal((2, 3, 6, 7))]
    mask = rng.random((2, 1, 6, 6)) > 0.3
    mask[..., 0] = True
    found += [("attention", {}, looked), ("attention", {"causal": True}, looked),
              ("attention", {}, [*looked, mask])]  # fmt: skip
    for axis, exclusive, reverse in product((0, 1, -1), (False, True), (False, True)):
        attrs = {"axis": axis, "exclusive": exclusive, "reverse": reverse}
        found.append(("cumsum", attrs, [normal((4, 5, 3))]))
    labels, scores = (rng.random((5, 4)) > 0.5) * 1.0, normal((5, 4)) * 3
    wanted, given = (p / p.sum(1, keepdims=True) for p in rng.random((2, 5, 4)) + 0.05)
    logits = {"from_logits": True}
    return [
        *found,
        ("einsum", {"equation": "bij,jik->bk"}, [normal((2, 3, 4)), normal((4, 3, 5))]),
        ("matmul", {}, [normal((2, 1, 3, 4)), normal((5, 4, 2))]),
        ("top_k", {"k": 3}, [normal((4, 5))]),
        ("segment_sum", {"count": 4}, [normal((6, 3)), np.array([2, 0, 1, 2, 2, 0])]),
        ("embedding_lookup", {}, [normal((6, 3)), np.array([[2, 0], [5, 2]])]),
        ("layer_normalization", {}, [normal((6, 3)), normal(3), normal(3)]),
        ("huber_loss", {}, [labels, scores]),
        ("kl_divergence", {}, [wanted, given]),
        ("binary_cross_entropy", {}, [labels, rng.random((5, 4))]),
        ("binary_cross_entropy", logits, [labels, scores]),
        ("categorical_cross_entropy", {}, [wanted, given]),
        ("categorical_cross_entropy", logits, [wanted, scores]),
    ]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[list, list]]:
    """What PyTorch finds for each case, from one start of the other interpreter."""
    folder = tmp_path_factory.mktemp("torch")
    source, target = folder / "in.pkl", folder / "out.pkl"
    source.write_bytes(pickle.dumps(cases()))
    script = Path(__file__).with_name("torch_layers.py")
    command = [str(PYTHON), str(script), str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return pickle.loads(target.read_bytes())


def ours(case: Case, tier: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    op, attrs, arrays = case
    with nf.Graph() as graph:
        inputs = [nf.variable(a) if a.dtype.kind == "f" else nf.constant(a) for a in arrays]
        made = graph.apply(op, *inputs, **attrs)
        outputs = list(made) if isinstance(made, (list, tuple)) else [made]
        parts = []
        for out in (t for t in outputs if t.type.is_float):
            turn = np.cos(np.arange(np.prod(out.shape, dtype=int))).reshape(out.shape)
            parts.append(nf.reduce_sum(out * nf.constant(turn)))
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        trained = [t for t, a in zip(inputs, arrays, strict=True) if a.dtype.kind == "f"]
        slopes = nf.gradients(total, trained)
    with Session(graph, tier=tier) as session:
        session.initialize()
        return session.run(outputs), session.run(slopes)


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_layers_and_losses_equal_those_of_pytorch(tier: str, theirs: list) -> None:
    listed = cases()
    assert len(listed) >= 90
    for case, (outputs, slopes) in zip(listed, theirs, strict=True):
        for found, expected in zip(ours(case, tier), (outputs, slopes), strict=True):
            for mine, other in zip(found, expected, strict=True):
                assert mine.shape == other.shape, case[:2]
                scale = max(1.0, float(np.abs(other).max(initial=0)))
                np.testing.assert_allclose(
                    mine, other, rtol=0, atol=TOLERANCE * scale, err_msg=str(case[:2])
                )
