"""A step of a run that is over has the bits of the step itself; what is not as it was is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.cli.main import main
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError, RunError
from nodeflow.run_store.errors import RunStoreProblem
from nodeflow.run_store.size_limit import set_limit
from nodeflow.run_store.store import PAST, RunStore
from nodeflow.train.rewind.kept_past import load_past
from nodeflow.train.stepping.steppers import order_of
from nodeflow.train.training import Training


def recorded(
    graph: nf.Graph, training: Training, names: list[str], last: int, tier: str
) -> list[list[np.ndarray]]:
    """Tensors of the steps up to ``last``, from a loop of `session.run` that fetches them."""
    bindings = training.used_bindings([training.optimizer, training.loss.node])
    rows = training.rows(bindings, "train") or 0
    per_epoch = rows // training.batch_size
    found = []
    with Session(graph, tier=tier, seed=training.seed) as session:
        session.initialize()
        for step in range(last):
            epoch, at = divmod(step, per_epoch)
            order = order_of(training, rows, epoch + 1)
            which = order[at * training.batch_size : (at + 1) * training.batch_size]
            feeds = {t: b.dataset.split("train")[b.column].rows(which) for t, b in bindings.items()}
            _, *values = session.run([training.optimizer, *names], {**training.feeds, **feeds})
            found.append([np.asarray(value) for value in values])
    return found


def small_file(folder: Path) -> Path:
    """A .flow file whose data are a table beside it: two layers, dropout and Adam."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    y = (x @ [1.0, -2.0, 0.5, 0.0] > 0).astype(int)
    lines = ["a,b,c,d,y", *(f"{','.join(map(str, r))},{t}" for r, t in zip(x, y, strict=True))]
    (folder / "table.csv").write_text("\n".join(lines))
    path = folder / "net.flow"
    assert main(["new", str(folder / "table.csv"), "-o", str(path)]) == 0
    return path


@pytest.fixture
def net(folder: Path, tmp_path: Path) -> Path:
    path = small_file(tmp_path)
    tier = ["--tier", "reference"]
    assert main(["train", str(path), "--set", "training.epochs=6", *tier]) == 0
    return path


@pytest.mark.thorough
def test_a_step_has_the_bits_of_the_step_itself(net):
    (run,) = nf.runs()
    graph = nf.load(net)
    training = replace(graph.task.training(), **{n: run.settings[n] for n in ("epochs",)})
    names = [training.loss.name, *(v.name for v in graph.variables)]
    truth = recorded(graph, training, names, run.steps, "reference")
    rng = np.random.default_rng(1)
    with run.at(run.steps) as at:
        for step in [run.steps, 1, *rng.integers(1, run.steps, 8).tolist()]:
            values = at.go_to(step).run(names)
            for name, value, expected in zip(names, values, truth[step - 1], strict=True):
                assert np.asarray(value).tobytes() == expected.tobytes(), (step, name)
            assert at.epoch == (step - 1) // run.steps_per_epoch + 1
        assert at.differs_from is None and at.notices == ()


@pytest.mark.thorough
def test_fetches_keep_their_structure(net):
    (run,) = nf.runs()
    loss = run.settings["loss"]
    with run.at(3) as at:
        found = at.run({"loss": loss, "all": [loss, run.settings["loss"]]})
        assert found["loss"] == found["all"][0] == run.losses[2]
        assert at.run(at.graph.tensor(loss)) == run.losses[2]
        with pytest.raises(NodeflowError, match="nothing_of_the_kind"):
            at.run("nothing_of_the_kind")


@pytest.mark.thorough
@pytest.mark.parametrize("step", [0, -3, 10**6])
def test_a_step_that_is_not_there_is_said(net, step):
    (run,) = nf.runs()
    with pytest.raises(RunError, match="has no step") as caught:
        run.at(step)
    assert "1 to" in str(caught.value.hint)


@pytest.mark.thorough
def test_data_that_differ_are_said_and_from_which_step(net):
    table = net.with_name("table.csv")
    lines = table.read_text().splitlines()
    cells = lines[7].split(",")
    lines[7] = ",".join([str(float(cells[0]) + 1), *cells[1:]])
    table.write_text("\n".join(lines))
    (run,) = nf.runs()
    loss = run.settings["loss"]
    with run.at(1) as at:
        assert at.notices == () or "data of" in at.notices[0]
        again = np.array([at.go_to(step).run(loss) for step in range(1, run.steps + 1)], float)
        first = 1 + int(np.flatnonzero(again != run.losses)[0])
        assert at.differs_from == first
        (said,) = at.notices
    assert f"From step {at.differs_from} on" in said and "the data of" in said


def test_versions_that_differ_are_said(net, folder):
    import json

    with RunStore(folder) as store:
        facts = json.loads(store._rows("SELECT facts FROM runs")[0]["facts"])
        facts["versions"]["numpy"] = "0.1"
        with store.database.writing():
            store.database.run("UPDATE runs SET facts = ?", (json.dumps(facts),))
    with nf.runs()[0].at(2) as at:
        assert at.notices == ("The version of numpy has changed.",)


def test_data_of_python_have_to_be_given(folder, line):
    graph, data = line
    nf.train.fit(graph, data=data, epochs=4, batch_size=4, tier="reference")
    (run,) = nf.runs()
    with pytest.raises(RunStoreProblem, match="given in Python"):
        run.at(7)
    with run.at(7, graph=graph, data=data) as at:
        assert at.run("error") == run.losses[6]
        before = at.variables()
    names = {tensor.name: rows for tensor, rows in data.items()}
    with run.at(8, data=names) as at:  # the graph is in the run
        assert at.run("error") == run.losses[7]
        rate, gradient = 0.1, before["w"] - at.variables()["w"]
        assert gradient != 0 and abs(gradient / rate) < 100


@pytest.mark.thorough
def test_at_most_sixteen_copies_are_kept_and_counted(folder, line):
    graph, data = line
    nf.train.fit(graph, data=data, epochs=400, batch_size=4)
    (run,) = nf.runs()
    path = folder / run.id / PAST
    kept = load_past(path)
    assert 2 <= len(kept.steps) <= 16 and kept.steps[0] == 0
    files = sum(file.stat().st_size for file in (folder / run.id).glob("*.safetensors"))
    assert run.bytes == files and path.stat().st_size < files


@pytest.mark.thorough
def test_copies_that_are_too_large_are_fewer(folder):
    with RunStore(folder) as store:
        set_limit(store, 100_000)
    wide = nf.Graph()
    with wide.as_default():
        w = nf.variable(np.zeros(2500, np.float32), name="w")  # 10 kB of 25 that a run may take
        loss = nf.reduce_mean(nf.square(w - 1.0), name="error")
        nf.gradient_descent(loss, learning_rate=0.1, name="descent")
    nf.train.fit(wide, epochs=300)
    (run,) = nf.runs()
    assert len(load_past(folder / run.id / PAST).steps) <= 2
    with run.at(250) as at:
        assert at.run("error") == run.losses[249]


@pytest.mark.thorough
def test_a_run_without_copies_says_so(net, folder):
    (run,) = nf.runs()
    (folder / run.id / PAST).unlink()
    with pytest.raises(RunStoreProblem, match="kept no copies"):
        run.at(1)


@pytest.mark.thorough
@pytest.mark.parametrize("damage", [b"", b"\0" * 64, b"{}"])
def test_damaged_copies_are_an_error(net, folder, damage):
    (run,) = nf.runs()
    (folder / run.id / PAST).write_bytes(damage)
    with pytest.raises(NodeflowError):
        run.at(1)


@pytest.mark.thorough
def test_data_that_are_gone_are_an_error(net):
    net.with_name("table.csv").unlink()
    with pytest.raises(NodeflowError, match=r"table\.csv"):
        nf.runs()[0].at(1)


@pytest.mark.thorough
def test_a_resumed_run_keeps_both_of_its_parts(folder, tmp_path):
    path, states = small_file(tmp_path), str(tmp_path / "states")
    common = ["train", str(path), "--tier", "reference", "--checkpoint", states]
    assert main([*common, "--set", "training.epochs=3"]) == 0
    assert main([*common, "--set", "training.epochs=6", "--resume", states]) == 0
    (run,) = nf.runs()
    whole = Task(flow.loads(path.read_text()), base_dir=tmp_path)
    training = replace(whole.training(), epochs=6)
    with run.at(2) as at:
        truth = recorded(whole.graph, training, [training.loss.name], run.steps, "reference")
        for step in (2, run.steps // 2, run.steps // 2 + 1, run.steps):
            value = at.go_to(step).run(training.loss.name)
            assert np.asarray(value).tobytes() == truth[step - 1][0].tobytes(), step
        assert at.differs_from is None
