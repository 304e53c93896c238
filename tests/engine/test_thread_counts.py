"""Values and gradients have the same bits with any number of threads, at sizes that are shared out.

Samples of ops are small, so one thread does them all: here each family gets arrays that are cut
into tasks. Whole trainings are in ``test_determinism``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.session import Session
from nodeflow.graph.graph import Tensor

COUNTS = (1, 2, 3, 8)


def randoms(*shape: int, seed: int = 0) -> Tensor:
    """A variable of normal numbers."""
    return nf.variable(np.random.default_rng(seed).standard_normal(shape).astype("float32"))


def whole(count: int, limit: int, seed: int = 5) -> Tensor:
    return nf.constant(np.random.default_rng(seed).integers(0, limit, count))


def layer(kind: Callable, gates: int) -> Tensor:
    weights = randoms(20, gates * 48), randoms(48, gates * 48, seed=1), randoms(gates * 48, seed=2)
    return kind(randoms(64, 9, 20, seed=3) * 0.3, *(w * 0.2 for w in weights))[0]


GRAPHS: dict[str, Callable[[], Tensor]] = {
    "elementwise": lambda: nf.tanh(randoms(700, 900)) * nf.exp(randoms(900, seed=1)),
    "sum of all": lambda: nf.reduce_sum(randoms(700, 900)),
    "sum of rows": lambda: nf.reduce_sum(randoms(700, 900), axis=1),
    "sum of columns": lambda: nf.reduce_sum(randoms(3000, 210), axis=0),
    "mean of the outer axes": lambda: nf.reduce_mean(randoms(90, 70, 64), axis=[0, 1]),
    "largest": lambda: nf.reduce_max(randoms(700, 900), axis=0),
    "logsumexp": lambda: nf.reduce_logsumexp(randoms(700, 900)),
    "softmax of rows": lambda: nf.softmax(randoms(700, 900), axis=1),
    "softmax of columns": lambda: nf.softmax(randoms(700, 900), axis=0),
    "product": lambda: nf.matmul(randoms(510, 620), randoms(620, 330, seed=1)),
    "deep product": lambda: nf.matmul(randoms(8, 90_000), randoms(90_000, 6, seed=1)),
    "batched product": lambda: nf.matmul(randoms(40, 60, 70), randoms(40, 70, 50, seed=1)),
    "einsum": lambda: nf.einsum([randoms(30, 80, 90), randoms(90, 80, 20, seed=1)],
                                equation="bij,jik->bk"),
    "conv2d": lambda: nf.conv2d(randoms(32, 28, 28, 8), randoms(5, 5, 8, 16, seed=1)),
    "conv2d, transformed": lambda: nf.conv2d(
        randoms(8, 19, 18, 48), randoms(3, 3, 48, 80, seed=1)),
    "conv2d, strided, grouped": lambda: nf.conv2d(
        randoms(32, 28, 28, 8), randoms(3, 3, 4, 16, seed=1), strides=(2, 2), groups=2),
    "conv2d_transpose": lambda: nf.conv2d_transpose(
        randoms(32, 14, 14, 8), randoms(3, 3, 16, 8, seed=1), strides=(2, 2)),
    "conv3d": lambda: nf.conv3d(
        randoms(4, 9, 14, 14, 8), randoms(3, 3, 3, 8, 16, seed=1), strides=(2, 1, 1)),
    "max pooling": lambda: nf.max_pool2d(randoms(32, 28, 28, 16)),
    "mean pooling, dilated, with its border": lambda: nf.average_pool2d(
        randoms(32, 28, 28, 16), size=(3, 3), strides=(2, 3), dilations=(2, 2),
        pads=[[2, 1], [0, 3]], count_include_pad=True),
    "max pooling, dilated, over the end": lambda: nf.max_pool2d(
        randoms(32, 28, 28, 16), strides=(3, 2), dilations=(3, 1), pads=1, ceil_mode=True),
    "mean pooling": lambda: nf.average_pool2d(randoms(32, 28, 28, 16), size=(3, 3), strides=(2, 2)),
    "batch normalisation": lambda: nf.batch_normalization(
        randoms(64, 14, 14, 24), nf.constant(np.array(True))),
    "layer normalisation": lambda: nf.layer_normalization(randoms(700, 900)),
    "dropout": lambda: nf.dropout(randoms(700, 900), training=True),
    "random numbers": lambda: nf.random_normal(shape=[700, 900]) * randoms(900),
    "lookup": lambda: nf.embedding_lookup(randoms(400, 128), whole(6000, 400)),
    "gather of columns": lambda: nf.gather(randoms(300, 400), whole(500, 400), axis=1),
    "segment sums": lambda: nf.segment_sum(randoms(6000, 128), whole(6000, 50), count=50),
    "cumsum": lambda: nf.cumsum(randoms(700, 900), axis=0),
    "sort": lambda: nf.sort(randoms(700, 900)),
    "top k": lambda: nf.top_k(randoms(700, 900), k=7)[0],
    "transpose": lambda: nf.transpose(randoms(90, 80, 70), perm=[2, 0, 1]) * 2,
    "concat": lambda: nf.concat([randoms(400, 300), randoms(500, 300, seed=1)], axis=0),
    "pad": lambda: nf.pad(randoms(400, 300), paddings=[[9, 9], [9, 9]], mode="reflect"),
    "resize": lambda: nf.resize(randoms(16, 28, 28, 8), size=(61, 45)),
    "attention": lambda: nf.attention(
        *(randoms(4, 8, 60, 32, seed=seed) for seed in range(3)), causal=True),
    "rnn": lambda: layer(nf.rnn, 1),
    "gru": lambda: layer(nf.gru, 3),
    "lstm": lambda: layer(nf.lstm, 4),
}  # fmt: skip


@pytest.mark.sample(9)
@pytest.mark.parametrize("name", GRAPHS)
def test_every_number_of_threads_gives_the_same_bits(name: str) -> None:
    with nf.Graph() as graph:
        out = GRAPHS[name]()
        turn = np.cos(np.arange(np.prod(out.shape, dtype=int))).reshape(out.shape)
        total = nf.reduce_sum(out * nf.constant(turn.astype("float32")))
        trained = [node.outputs[0] for node in graph.nodes if node.op.id == "variable"]
        wanted = [out, total, *(s for s in nf.gradients(total, trained) if s is not None)]
    found = []
    for count in COUNTS:
        with Session(graph, tier="compiled", threads=count, seed=3) as session:
            session.initialize()
            found.append([np.asarray(v).tobytes() for v in session.run(wanted)])
            assert session.tier == "compiled"
            if count == 2:
                assert re.search(r", ([2-9]|\d\d+) tasks", session.explain(wanted)), "not cut"
    assert len(wanted) >= 3
    assert all(bits == found[0] for bits in found[1:])
