"""Steps of a kept training on elements of a data set, where the data set is given again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import RunError
from nodeflow.ops.layers.functions.without_variables import dropout
from nodeflow.ops.namespaces import nn
from nodeflow.run_store.errors import RunStoreProblem

PLAIN = {"x": nf.float32, "y": nf.float32}
SHAPES = {"x": [None, 2], "y": [None, 1]}


def elements():
    """Batches of four rows, the last one of three."""
    rng = np.random.default_rng(8)
    for count in (4,) * 9 + (3,):
        x = rng.normal(size=(count, 2)).astype(np.float32)
        yield {"x": x, "y": (x @ [[1.0], [-2.0]]).astype(np.float32)}


def generated() -> nf.data.Dataset:
    return nf.data.Dataset.from_generator(elements, output_types=PLAIN, output_shapes=SHAPES)


def mapped() -> nf.data.Dataset:
    """Shuffled anew in each pass; how many batches a pass has is known only by its elements."""
    rows = np.arange(80, dtype=np.float32).reshape(40, 2) / 40
    data = nf.data.Dataset.from_tensor_slices({"x": rows, "y": rows[:, :1]})
    return data.shuffle(40, seed=5).batch(4).filter(lambda e: nf.reduce_sum(e["x"]) > 1.5)


def graph() -> nf.Graph:
    with nf.Graph() as found:
        x = nf.placeholder("float32", [None, 2], name="x")
        y = nf.placeholder("float32", [None, 1], name="y")
        hidden = dropout(nf.layers.dense(x, 5, activation=nn.relu), rate=0.2)
        out = nf.layers.dense(hidden, 1)
        loss = nf.reduce_mean(nf.square(out - y), name="error")
        nf.adam(loss, learning_rate=0.01, name="train")
    return found


def recorded(found: nf.Graph, data: nf.data.Dataset, names: list[str], last: int, tier: str):
    """Tensors of the steps, from a loop of `session.run` that fetches them."""
    values, steps = [], 0
    with nf.Session(found, tier=tier, seed=1) as session:
        session.initialize()
        for element in data.repeat():
            feeds = {found.tensor(n): element[n] for n in ("x", "y")}
            values.append(session.run(["train", *names], feeds)[1:])
            steps += 1
            if steps == last:
                return values
    raise AssertionError


@pytest.mark.sample(1)
@pytest.mark.parametrize("tier", ["reference", "compiled", "auto"])
@pytest.mark.parametrize("data", [generated, mapped])
def test_a_step_has_the_bits_of_a_run_that_recorded_it(folder: Path, data, tier):
    made = graph()
    nf.train.fit(made, data=data(), epochs=6, seed=1, tier=tier)
    (run,) = nf.runs()
    names = [v.name for v in made.variables] + ["error", "x"]
    rng = np.random.default_rng(2)
    chosen = [run.steps, 1, *rng.integers(1, run.steps + 1, 8).tolist()]
    with run.at(1, graph=made, data=data()) as at:
        for step in chosen:
            found = dict(zip(names, at.go_to(step).run(names), strict=True))
            assert np.float64(found["error"]) == run.losses[step - 1], step
            again = dict(zip(names, at.run(names), strict=True))  # looking changes nothing
            assert all(np.array_equal(found[n], again[n]) for n in names)
            if step < run.steps:
                after = at.go_to(step + 1).run("error")
                assert np.float64(after) == run.losses[step]
        assert at.differs_from is None and at.notices == ()


@pytest.mark.thorough
def test_values_are_those_of_a_loop_over_the_elements(folder: Path):
    made = graph()
    nf.train.fit(made, data=generated(), epochs=4, seed=1, tier="reference")
    (run,) = nf.runs()
    names = ["x", "error", *(v.name for v in made.variables)]
    truth = recorded(made, generated(), names, run.steps, "reference")
    with run.at(1, graph=made, data=generated()) as at:
        for step in (1, 10, 11, 27, run.steps):
            for value, expected in zip(at.go_to(step).run(names), truth[step - 1], strict=True):
                assert np.asarray(value).tobytes() == np.asarray(expected).tobytes(), step
            assert at.epoch == (step - 1) // 10 + 1


def test_without_the_data_set_it_says_what_to_give(folder: Path):
    nf.train.fit(graph(), data=generated(), epochs=2)
    (run,) = nf.runs()
    with pytest.raises(RunStoreProblem, match="elements of a data set") as caught:
        run.at(3)
    assert "data=" in caught.value.text("python")


def test_another_data_set_is_noticed(folder: Path):
    made = graph()
    nf.train.fit(made, data=generated(), epochs=4, seed=1, tier="reference")
    (run,) = nf.runs()
    other = nf.data.Dataset.from_generator(
        lambda: ({k: v + 1 for k, v in e.items()} for e in elements()),
        output_types=PLAIN, output_shapes=SHAPES,
    )  # fmt: skip
    with run.at(30, graph=made, data=other) as at:
        at.run("error")  # a copy may be kept from right before the step: then none was computed
        assert at.differs_from is not None and "differs" in " ".join(at.notices)
    none = nf.data.Dataset.from_generator(
        lambda: iter(()), output_types=PLAIN, output_shapes=SHAPES
    )
    with pytest.raises(RunError, match="ends before it"):
        run.at(30, graph=made, data=none)
