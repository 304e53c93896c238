"""Mixed precision on JAX: float32 weights, products of bfloat16 factors, refused without a GPU.

No GPU is needed: the lowered program shows the types, and the platform is given by the test.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.cli.main import main
from nodeflow.engine.stepper import Stepper
from nodeflow.errors import RunError
from nodeflow.integrations.jax import settings
from nodeflow.resources import example
from nodeflow.train.loop.event_stream import explain
from nodeflow.train.train_and_fit import training_on

pytest.importorskip("jax")

PRODUCT = re.compile(r"stablehlo\.(dot_general|convolution)\b.*: \((\S+), (\S+)\) -> (\S+)")


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "platform", lambda: "gpu")


def dense(x: nf.Tensor) -> nf.Tensor:
    return nf.layers.dense(nf.layers.dense(x, 7, nf.tanh), 1)


def convolutional(x: nf.Tensor) -> nf.Tensor:
    images = nf.reshape(x, [-1, 4, 3, 1])
    return nf.layers.dense(nf.layers.Flatten()(nf.layers.conv2d(images, 5, 2)), 1)


def recurrent(x: nf.Tensor) -> nf.Tensor:
    return nf.layers.dense(nf.layers.lstm(nf.reshape(x, [-1, 4, 3]), 5), 1)


def attentive(x: nf.Tensor) -> nf.Tensor:
    words = nf.layers.dense(nf.reshape(x, [-1, 4, 3]), 6)
    seen = nf.attention(words, words, words)
    return nf.reduce_mean(
        nf.einsum("bwf,fo->bwo", seen, nf.variable(np.ones((6, 1), "float32"))), 1
    )


NETWORKS = {f.__name__: f for f in (dense, convolutional, recurrent, attentive)}


def network(kind: str, dtype: str = "float32") -> tuple[nf.Graph, dict[str, np.ndarray]]:
    with nf.Graph() as graph:
        x = nf.placeholder(dtype, [None, 12], name="x")
        y = nf.placeholder(dtype, [None, 1], name="y")
        loss = nf.reduce_mean(nf.square(NETWORKS[kind](x) - y), name="loss")
        nf.gradient_descent(loss, learning_rate=0.05, name="train")
    rows = np.random.default_rng(3).normal(size=(32, 12)).astype(dtype)
    return graph, {"x": rows, "y": rows[:, :1] * rows[:, 1:2]}


def program(kind: str, dtype: str = "float32", **options: Any) -> str:
    """The lowered program of several training steps."""
    graph, data = network(kind, dtype)
    given = {"batch_size": 8, **options}
    with nf.Session(graph, backend="jax") as session:
        session.initialize()
        return explain(session, training_on(graph, data, None, "train", "loss", given))


@pytest.mark.parametrize("kind", NETWORKS)
def test_all_products_of_a_step_have_bfloat16_factors_and_float32_sums(kind: str, on_gpu) -> None:
    full, text = (PRODUCT.findall(program(kind, mixed_precision=on)) for on in (False, True))
    assert len(text) == len(full) >= 4  # forward and backward
    for _, *types in full:
        assert all(t.endswith("xf32>") for t in types), types
    for _, left, right, out in text:
        assert left.endswith("xbf16>") and right.endswith("xbf16>") and out.endswith("xf32>")


def test_the_weights_and_everything_else_stay_in_float32(on_gpu) -> None:
    text = program("dense", mixed_precision=True)
    arguments = next(line for line in text.splitlines() if "func.func public @main" in line)
    assert "tensor<12x7xf32>" in arguments and "bf16" not in arguments
    for line in text.splitlines():
        if "bf16" in line and (op := re.search(r"= stablehlo\.(\w+)", line)):
            assert op[1] in ("convert", "dot_general", "transpose"), line


def test_a_program_for_cuda_has_the_same_types(on_gpu) -> None:
    """Lowered for a GPU that is not here."""
    import jax
    import jax.numpy as jnp

    from nodeflow.integrations.jax.products import matmul, mixed

    def product(x: Any, y: Any) -> Any:
        with mixed(True):
            return matmul(x, y)

    shape = jax.ShapeDtypeStruct((3, 3), jnp.float32)
    lowered = jax.jit(product).trace(shape, shape).lower(lowering_platforms=("cuda",))
    assert "(tensor<3x3xbf16>, tensor<3x3xbf16>) -> tensor<3x3xf32>" in lowered.as_text()


def test_products_of_float64_stay_as_they_are(on_gpu) -> None:
    assert "bf16" not in program("dense", "float64", mixed_precision=True)


def test_it_trains_close_to_full_precision_and_measures_in_full(on_gpu) -> None:
    losses = []
    for mixed in (False, True):
        graph, data = network("dense")
        with nf.Session(graph, backend="jax", seed=2) as session:
            history = nf.train.fit(
                graph, data=data, session=session, batch_size=8, epochs=20, mixed_precision=mixed,
                keep_run=False,
            )  # fmt: skip
            found = session.run("loss", data)
            weights = {v.name: session.variables[v.name] for v in graph.variables}
            assert "bf16" not in session.explain("loss", data)
        with nf.Session(graph, tier="reference") as plain:
            plain.variables.update(weights)
            np.testing.assert_allclose(found, plain.run("loss", data), rtol=1e-5)
        losses.append(history.steps)
    full, mixed = losses
    assert (full != mixed).any()
    np.testing.assert_allclose(mixed[:5], full[:5], rtol=0.02)


def test_it_is_refused_on_the_cpu() -> None:
    graph, data = network("dense")
    with pytest.raises(RunError, match="needs a GPU, and JAX computes on the cpu here"):
        nf.train.fit(graph, data=data, backend="jax", mixed_precision=True)


def test_the_command_line_refuses_it_on_the_cpu(capsys) -> None:
    command = ["train", str(example("linear_regression")), "--mixed-precision", "--no-run"]
    assert main([*command, "--backend", "jax"]) == 1
    assert "Leave out --mixed-precision, or train on a computer" in capsys.readouterr().err


def test_a_data_set_of_elements_is_refused(on_gpu) -> None:
    graph, data = network("dense")
    elements = nf.data.Dataset.from_tensor_slices(data).map(lambda row: row).batch(8)
    with pytest.raises(RunError, match="mixed precision trains on rows"):
        nf.train.fit(graph, data=elements, backend="jax", mixed_precision=True)


def test_a_file_and_a_checkpoint_know_it(on_gpu, tmp_path: Path, capsys) -> None:
    command = ["train", str(example("linear_regression")), "--backend", "jax", "--no-run"]
    command += ["--set", "training.epochs=1", "--checkpoint", str(tmp_path)]
    assert main([*command, "--set", "training.mixed_precision=true"]) == 0
    resumed = [*command[:-1], str(tmp_path / "other"), "--resume", str(tmp_path)]
    assert main(resumed) == 1
    assert "mixed_precision (was True, is False)" in capsys.readouterr().err


def test_an_inspected_step_has_the_bits_of_the_step(on_gpu) -> None:
    from nodeflow.train.stepping.steppers import stepper_of
    from nodeflow.train.tunable_numbers import Numbers

    graph, data = network("dense")
    with nf.Session(graph, backend="jax") as session:
        session.initialize()
        given = {"batch_size": 8, "mixed_precision": True}
        training = training_on(graph, data, None, "train", "loss", given)
        stepper = stepper_of(session, training, [()], 0, Numbers(training.optimizer))
        assert isinstance(stepper, Stepper)
        stepper.start_epoch(np.arange(32))
        loss = graph.tensor("loss")
        seen = session.look(stepper, [loss]).values("compiled")[loss]
        full = session.run(loss, {name: rows[:8] for name, rows in data.items()})
        _, found = stepper.run(1)
    assert seen != full
    np.testing.assert_allclose(seen, found[0, 0], rtol=1e-6)
