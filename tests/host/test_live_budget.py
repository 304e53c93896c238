"""What live values may take: the rest says "press Run", and everything else keeps its value."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.engine import memory
from nodeflow.engine.memory import Budget
from nodeflow.errors import OverBudget, RunError
from nodeflow.host import protocol as p
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.ops.user import load_plugins


def add(document: Document, op: str, name: str, *sources: str, **attrs) -> str:
    node = commands.add_node(document, op, (0, 0), name=name, attrs=attrs)
    ports = ("x", "y") if op in ("add", "matmul") else ("x",)
    for source, port in zip(sources, ports, strict=False):
        commands.connect(document, document.node_named(source).id, "out", node, port)
    return node


def large() -> Document:
    """A fill of 3.6 GB, its mean, and something else."""
    document = Document()
    add(document, "fill", "big", shape=[30000, 30000], value=1.0)
    add(document, "reduce_mean", "mean", "big")
    add(document, "constant", "small", value=2.0)
    return document


def shown(evaluation) -> dict[str, tuple[str, str]]:
    return {name: (value.kind, value.text) for name, value in evaluation.values.items()}


PRESS_RUN = ("deferred", "3.6 GB: press Run to compute")


def test_what_is_too_large_says_so_and_the_rest_keeps_its_value(monkeypatch):
    monkeypatch.setattr(np, "full", refuse)
    evaluator = Evaluator(large(), budget=Budget())
    assert shown(evaluator.previews()) == {"big": PRESS_RUN, "small": ("scalar", "2")}
    with pytest.raises(OverBudget, match="press Run"):
        evaluator.value("big")


def refuse(*args, **kwargs):
    raise AssertionError("it is computed")


def test_the_budget_is_what_is_set():
    document = Document()
    add(document, "fill", "tensor", shape=[1000], value=1.0)
    evaluator = Evaluator(document, budget=Budget(bytes=3999, seconds=60))
    assert shown(evaluator.previews())["tensor"] == ("deferred", "4 kB: press Run to compute")
    evaluator.use_budget(Budget(bytes=4000, seconds=60))
    assert evaluator.previews().values["tensor"].kind != "deferred"


def test_a_run_computes_it_and_its_value_stays_until_what_it_depends_on_changes():
    document = Document()
    fill = add(document, "fill", "tensor", shape=[1000], value=1.0)
    add(document, "reduce_mean", "mean", "tensor")
    other = add(document, "constant", "other", value=2.0)
    evaluator = Evaluator(document, budget=Budget(bytes=100, seconds=60))
    document.subscribe(evaluator.follow)
    assert "mean" not in evaluator.previews().values
    evaluator.previews(effects=True)
    commands.set_attr(document, other, "value", 5.0)
    after = shown(evaluator.previews())
    assert after["mean"] == ("scalar", "1") and after["other"] == ("scalar", "5")
    assert after["tensor"][0] != "deferred"
    commands.set_attr(document, fill, "value", 3.0)
    after = shown(evaluator.previews())
    assert after["tensor"] == ("deferred", "4 kB: press Run to compute") and "mean" not in after


def test_a_large_variable_takes_no_memory_before_a_run_needs_it():
    document = Document()
    initial = {"op": "random_normal"}
    node = commands.add_node(
        document, "variable", (0, 0), name="w", attrs={"initializer": initial, "shape": [50, 50]}
    )
    evaluator = Evaluator(document, budget=Budget(bytes=1000, seconds=60))
    assert shown(evaluator.previews())["w"] == ("deferred", "10 kB: press Run to compute")
    assert "w" not in evaluator.session.variables
    value = evaluator.previews(effects=True).values["w"]
    assert value.shape == (50, 50) and evaluator.variables()["w"].shape == (50, 50)
    assert evaluator.previews().values["w"].shape == (50, 50)
    assert node in document.nodes


def test_what_a_large_variable_learned_is_kept():
    document = Document()
    initial = {"op": "random_normal"}
    attrs = {"initializer": initial, "shape": [50, 50]}
    commands.add_node(document, "variable", (0, 0), name="w", attrs=attrs)
    evaluator = Evaluator(document, budget=Budget(bytes=1000, seconds=60))
    assert evaluator.previews().values["w"].kind == "deferred"
    learned = np.full((50, 50), 3.0, np.float32)
    evaluator.take_variables({"w": learned})
    assert (evaluator.variables()["w"] == learned).all()
    assert evaluator.previews().values["w"].mean == 3.0


def test_a_run_that_needs_more_memory_than_is_free_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 2_000_000_000)
    monkeypatch.setattr(np, "full", refuse)
    evaluation = Evaluator(large(), budget=Budget()).previews(effects=True)
    kind, text = shown(evaluation)["big"]
    assert kind == "error"
    assert "3.6 GB" in text and "2 GB are free" in text
    assert shown(evaluation)["small"] == ("scalar", "2")


def test_what_several_fetches_hold_together_counts(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 3_000_000_000)
    monkeypatch.setattr(np, "full", refuse)
    import nodeflow as nf

    with nf.Graph() as graph:
        tensors = [nf.fill([20_000, 12_500], float(n)) for n in range(4)]
        with nf.Session(graph) as session, pytest.raises(RunError, match="takes 3 GB"):
            session.run(tensors[:3])
        with nf.Session(graph) as session, pytest.raises(RunError, match="takes 4 GB"):
            session.run(tensors)


def test_the_free_memory_of_this_machine_is_known():
    free = memory.free_memory()
    assert free is not None and 0 < free < 1 << 50


SLOW = """
import threading
import nodeflow
import {module} as state

@nodeflow.op(infer="same as x")
def waits(x):
    state.calls.append(1)
    state.go_on.wait()
    return x

@nodeflow.op(infer="same as x")
def spins(x):
    state.calls.append(1)
    while True:
        try:
            pass
        except Exception:
            pass
"""


calls: list[int] = []
go_on = threading.Event()


@pytest.fixture
def slow(plugin_files):
    (plugin_files / "slow.py").write_text(SLOW.format(module=__name__))
    load_plugins()
    calls.clear()
    go_on.clear()
    yield
    go_on.set()


@pytest.mark.sample(1)
@pytest.mark.parametrize("op", ("waits", "spins"))
def test_what_takes_too_long_says_so_and_is_not_tried_again(slow, op):
    document = Document()
    source = add(document, "constant", "source", value=[1.0, 2.0])
    add(document, op, "slow", "source")
    add(document, "square", "after", "slow")
    other = add(document, "constant", "other", value=2.0)
    evaluator = Evaluator(document, budget=Budget(seconds=0.3))
    document.subscribe(evaluator.follow)
    for number in range(3):
        while (evaluation := evaluator.previews()).partial:
            pass
        found = shown(evaluation)
        assert found["slow"] == ("deferred", "takes longer than 0.3 s: press Run to compute")
        assert "after" not in found and found["other"][1] == str(number or 2)
        commands.set_attr(document, other, "value", float(number + 1))
        commands.set_attr(document, source, "value", [float(number), 5.0])
    assert len(calls) == 1, "once: what it depends on has the same shape"
    values = [t for t in threading.enumerate() if t.name == "nodeflow-values"]
    assert len(values) <= 1
    go_on.set()
    for thread in values:
        thread.join(30)
        assert not thread.is_alive(), "a loop in Python ends, and so does what returns"
    commands.set_attr(document, source, "value", [1.0])
    evaluator.previews()
    assert len(calls) == 2, "again: what it depends on has become small"


@pytest.mark.thorough
def test_many_slow_nodes_come_one_after_the_other():
    """Values that are there are sent before the others, so that nothing waits for all."""
    document = Document()
    add(document, "range", "numbers", limit=2_000_000)
    names = [f"sorted_{i}" for i in range(12)]
    for name in names:
        add(document, "sort", name, "numbers")
    evaluator = Evaluator(document, budget=Budget(seconds=0.05))
    evaluator._run.budget = Budget(seconds=60)  # each of them may take as long as it likes
    evaluator._budget = Budget(seconds=0.01)
    first = evaluator.previews()
    assert first.partial and first.pending and len(first.values) < len(names) + 1
    while (evaluation := evaluator.previews()).partial:
        pass
    assert set(evaluation.values) == {"numbers", *names}


def test_memory_is_given_back_while_live_values_are_computed(monkeypatch):
    from nodeflow.engine import incremental

    monkeypatch.setattr(incremental, "MOST_BYTES", 100_000)
    document = Document()
    add(document, "range", "n_0", limit=5000)  # 20 or 40 kB
    for number in range(1, 30):
        add(document, "square", f"n_{number}", f"n_{number - 1}")
    evaluator = Evaluator(document, budget=Budget())
    kept = []
    store = evaluator._run._store

    def watch(node, outcome):
        store(node, outcome)
        kept.append(evaluator._run._bytes)

    monkeypatch.setattr(evaluator._run, "_store", watch)
    found = evaluator.previews().values
    assert len(found) == 30 and max(kept) <= 200_000
    assert len(evaluator.previews().values) == 30


@pytest.mark.thorough
def test_the_engine_goes_on_beside_a_node_that_takes_too_long(talk, tmp_path):
    (tmp_path / "sleepy.py").write_text(
        "import time\nimport nodeflow\n\n@nodeflow.op(infer='same as x')\n"
        "def sleepy(x):\n    time.sleep(1000)\n    return x\n"
    )
    document = Document()
    talk.send(p.LoadPlugins(str(tmp_path)))
    talk.send(p.SetBudget(1000, 0.5))
    one = add(document, "constant", "one", value=1.0)
    add(document, "sleepy", "slow", "one")
    add(document, "fill", "big", shape=[1000], value=1.0)
    talk.sync(document)
    talk.send(p.Evaluate(document.revision, 1))
    while (answer := talk.wait_for(p.Previews)).pending:
        pass
    assert {n: v.kind for n, v in answer.values.items()} == {
        "one": "scalar",
        "slow": "deferred",
        "big": "deferred",
    }
    document.subscribe(lambda c: talk.send(p.SyncChange(c.text, c.revision)))
    commands.set_attr(document, one, "value", 7.0)
    talk.send(p.Evaluate(document.revision, 2))
    while (answer := talk.wait_for(p.Previews)).request != 2 or answer.pending:
        pass
    assert answer.values["one"].text == "7" and answer.values["slow"].kind == "deferred"


def test_data_that_are_too_large_for_a_preview_are_read_for_a_run(tmp_path):
    rows = np.ones((1_000_000, 2), np.float32)
    np.savez(tmp_path / "rows.npz", x=rows)
    document = Document()
    document.path = tmp_path / "graph.flow"
    data = commands.add_node(document, "dataset", (0, 0), attrs={"source": "npz:rows.npz"})
    x = commands.add_node(document, "placeholder", (0, 0), "x", {"shape": [None, 2]})
    commands.connect(document, data, "x", x, "feed")
    evaluator = Evaluator(
        document, base_dir=tmp_path, budget=Budget(read_bytes=5_000_000, seconds=60)
    )
    live = evaluator.previews().values["x"]
    assert live.kind == "error"
    assert "rows.npz takes 16 MB of memory, and a preview may take 5 MB" in live.text
    assert "Press Run to read it, or raise the limit in Run → Engine" in live.text
    assert evaluator.previews(effects=True).values["x"].shape == (100, 2)
    assert evaluator.previews().values["x"].shape == (100, 2), "what is read is there"
    smaller = Evaluator(
        document, base_dir=tmp_path, budget=Budget(read_bytes=20_000_000, seconds=60)
    )
    assert smaller.previews().values["x"].shape == (100, 2)
