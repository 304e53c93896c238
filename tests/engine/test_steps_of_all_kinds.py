"""Training steps with every kind of op run inside the driver; with an op that has no kernel, all
others are compiled nevertheless."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.columns import Column
from nodeflow.engine.session import Session
from nodeflow.graph.graph import Tensor

ROWS = 12


def mixed(h: Tensor) -> Tensor:
    """Attention with einsum: (rows, 4, 3) -> (rows, 4)."""
    scores = nf.softmax(nf.einsum([h, h], equation="bij,bkj->bik"))
    return nf.einsum([scores, h], equation="bik,bkj->bi")


def pictures(h: Tensor) -> Tensor:
    bordered = nf.pad(
        nf.expand_dims(h, axis=3), paddings=[[0, 0], [1, 2], [1, 1], [0, 0]], mode="reflect"
    )
    return nf.reduce_mean(nf.resize(bordered, size=(6, 4)), axis=(1, 3))


BODIES: dict[str, Callable[[Tensor], Tensor]] = {
    "einsum": mixed,
    "sort": lambda h: nf.reduce_sum(nf.sort(h, axis=1) * np.arange(3.0), axis=2),
    "top_k": lambda h: nf.reduce_sum(nf.top_k(h, k=2)[0], axis=2),
    "pictures": pictures,
    "products": lambda h: nf.reduce_prod(h + 1.5, axis=2),
    "nearest": lambda h: nf.reduce_mean(
        nf.resize(nf.expand_dims(h, axis=3), size=5, method="nearest"), axis=(2, 3)
    ),
    "noise": lambda h: nf.reduce_sum(h * nf.random_uniform_like(h, dtype="float64"), axis=2),
    "dropout": lambda h: nf.reduce_sum(nf.dropout(h, rate=0.3), axis=2),
}  # fmt: skip


def losses(body: Callable[[Tensor], Tensor], tier: str, threads: int = 2):
    """Losses of eight steps, the weights after them, and the stepper's and session's accounts."""
    rng = np.random.default_rng(3)
    data = rng.normal(size=(ROWS, 4, 3))
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None, 4, 3], name="x")
        w = nf.variable(rng.normal(size=(3, 3)), dtype="float64", name="w")
        loss = nf.reduce_mean(nf.square(body(nf.matmul(x, w)) - 0.5), name="loss")
        train = graph.apply("gradient_descent", loss, learning_rate=0.05, name="train")
    with Session(graph, tier=tier, threads=threads, seed=4) as session:
        session.initialize()
        stepper = session.stepper([train], [loss], {x: Column(data, "float64")}, 4)
        found = []
        for _ in range(3):
            stepper.start_epoch(np.arange(ROWS))
            found.append(stepper.run(3)[1][:, 0])
        return np.concatenate(found), session.variables["w"], stepper, session


@pytest.mark.parametrize("name", BODIES)
def test_a_step_is_driven_whatever_op_it_contains(name: str) -> None:
    expected, weights, _, _ = losses(BODIES[name], "reference")
    found, trained, stepper, session = losses(BODIES[name], "compiled")
    assert stepper._compilation.result is not None, "fell back to steps from Python"
    assert not session.executions, "an op ran by its reference"
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(trained, weights, rtol=1e-9)
    assert len(set(found)) > 3, "nothing was learned"


@pytest.mark.parametrize("name", ["einsum", "sort", "pictures"])
def test_a_step_has_the_same_bits_for_every_number_of_threads(name: str) -> None:
    one, *more = (losses(BODIES[name], "compiled", n)[:2] for n in (1, 3, 8))
    assert all(np.array_equal(a, b) for other in more for a, b in zip(one, other, strict=True))


def test_beside_an_op_without_a_kernel_all_others_are_compiled(capfd) -> None:
    def shown(h: Tensor) -> Tensor:
        return mixed(h.graph.apply("print", h, message="h is"))

    expected, weights, _, _ = losses(mixed, "reference")
    found, trained, stepper, session = losses(shown, "compiled")
    assert stepper.tier == "compiled"
    assert not session.executions, "the interpreter ran"
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(trained, weights, rtol=1e-9)
    assert capfd.readouterr().err.count("h is") == 9
