"""Optuna proposes the trials of sweeps, and what is said where it is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit.sweep_settings import set_sweep, set_values, vary
from nodeflow.document.io import flow
from nodeflow.errors import NodeflowError
from nodeflow.resources import example
from nodeflow.run_store.store import RunStore
from nodeflow.sweeps.kept import kept_sweeps
from nodeflow.sweeps.plan import RANDOM, Plan
from nodeflow.sweeps.results import DONE, PRUNED, Result
from nodeflow.sweeps.setup import Setup
from nodeflow.sweeps.sources import source_of
from nodeflow.sweeps.sweep import Sweep
from nodeflow.sweeps.value_specs import spec_of

LINE = example("linear_regression")
QUICK = ("--tier", "reference", "--epochs", 2)
RATE = "train.learning_rate"


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("PYTHONPATH", str(Path(nf.__file__).parents[1]))
    return tmp_path / "runs"


def setup(name: str, epochs: int) -> Setup:
    document = flow.load(LINE)
    set_values(document, {"training.epochs": epochs})
    return Setup(flow.dumps(document), name, str(LINE), tier="reference")


def plan(text: str, sampler: str = "optuna", **fields) -> Plan:
    found = spec_of(RATE, text)
    assert found is not None
    return Plan((found,), sampler, **fields)


def outcome(results: list[Result]) -> list[tuple]:
    return [(r.trial.number, dict(r.trial.values), r.value, r.best_epoch, r.state) for r in results]


@pytest.mark.thorough
def test_it_is_repeatable_with_one_worker_and_its_order_is_kept():
    wanted = plan("log:1e-4..1", "optuna", count=10, seed=3, prune=True)
    found = [outcome(Sweep(wanted, setup(f"{n}", epochs=5)).run()) for n in range(2)]
    assert found[0] == found[1]
    states = [state for *_, state in found[0]]
    assert PRUNED in states and states.count(DONE) >= 5, "the first five are never pruned"
    with RunStore() as store:
        orders = {sweep.order for sweep in kept_sweeps(store)}
    assert orders == {tuple((kind, n) for n in range(1, 11) for kind in ("ask", "tell"))}
    other = source_of(plan("log:1e-4..1", "optuna", count=1, seed=4)).next()
    assert other is not None and other.values != found[0][0][1]


def test_it_learns_what_random_does_not():
    """In a smooth valley, later trials lie nearer to its ground."""

    def away(sampler: str) -> float:
        source, found = source_of(plan("-10.0..10.0", sampler, count=60)), []
        while (trial := source.next()) is not None:
            found.append(abs(trial.values[RATE] - 3))
            source.ended(Result(trial, DONE, found[-1] ** 2))
        return float(np.median(found[30:]))

    assert away("optuna") < 1.5 < 3 < away(RANDOM)


def test_more_is_better_where_the_value_is_a_share():
    source = source_of(plan("-10.0..10.0", "optuna", count=40))
    late = []
    while (trial := source.next()) is not None:
        x = trial.values[RATE]
        late.append(x)
        source.ended(Result(trial, DONE, -((x - 3) ** 2), higher=True))
    assert abs(np.median(late[20:]) - 3) < 2


@pytest.mark.parametrize(
    "text, fits",
    [
        ("int:1..3", lambda v: v in (1, 2, 3) and type(v) is int),
        ('["a", null, true]', lambda v: v in ("a", None, True)),
        ("[[3, 3], [5]]", lambda v: v in ([3, 3], [5])),
        ("0.5..0.75", lambda v: 0.5 <= v <= 0.75),
    ],
)
def test_it_draws_each_kind_of_values(text: str, fits):
    source = source_of(plan(text, "optuna", count=8))
    drawn = []
    while (trial := source.next()) is not None:
        drawn.append(trial.values[RATE])
        source.ended(Result(trial, DONE, float(len(drawn))))
    assert len(drawn) == 8 and all(map(fits, drawn)) and len({json.dumps(v) for v in drawn}) > 1


def test_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(NodeflowError) as caught:
        source_of(plan("0..1", count=3))
    text = caught.value.text("cli")
    assert text == "Optuna is not installed. pip install 'optuna>=4.0' brings it."


@pytest.mark.thorough
def test_it_is_imported_only_where_it_is_chosen():
    text = "import sys, nodeflow.cli.commands.training.sweep; "
    text += "import nodeflow.sweeps.sweep, nodeflow.ui.app; "
    text += "from nodeflow.ui.panels.panel import discover_panels; discover_panels(); "
    text += "from nodeflow.manifests import integrations; "
    text += "[one.software and one.software.is_installed for one in integrations()]; "
    text += "print([name for name in ('optuna', 'sklearn') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


# ---- the command line ---------------------------------------------------------------------------


def test_on_the_command_line(nodeflow):
    options = ("--sampler", "optuna", "--prune", "--trials", 8, "--json")
    result = nodeflow("sweep", LINE, *QUICK, "--set", f"{RATE}=log:1e-4..1", *options)
    assert result.code == 0, result.err
    *each, done = result.lines
    assert [line["trial"] for line in each] == list(range(1, 9))
    assert {line["state"] for line in each} <= {"done", "pruned"} and len(done["trials"]) == 8


def test_pruning_names_it(nodeflow):
    result = nodeflow("sweep", LINE, "--set", f"{RATE}=[1, 2]", "--prune")
    assert result.code == 1 and "Add --sampler optuna." in result.err


def test_without_it_the_command_line_has_no_option_for_it(nodeflow, without):
    assert "optuna" in nodeflow("sweep", "--help").out
    without("optuna")
    text = nodeflow("sweep", "--help").out
    assert "--sampler {grid,random}" in text
    assert "optuna" not in text.lower() and "--prune" not in text


def test_a_file_that_names_it_opens_says_that_it_is_missing_and_keeps_it(
    nodeflow, without, tmp_path: Path
):
    document = flow.load(LINE)
    vary(document, document.node_named("train").id, "learning_rate", "0.1..0.5")
    set_sweep(document, sampler="optuna", trials=3, prune=True)
    path = tmp_path / "line.flow"
    flow.save(document, path)
    text = path.read_text(encoding="utf-8")
    without("optuna")
    assert flow.dumps(flow.load(path)) == text
    assert nodeflow("run", path).code == 0
    result = nodeflow("sweep", path)
    assert result.code == 1
    assert "there is no sampler of sweeps 'optuna' here. Choose grid or random" in result.err
    assert nodeflow("sweep", path, *QUICK, "--trials", 2).code == 0
