"""How runs came to what they are: edits through branches, settings and graphs of any step, and what
explains the difference of two runs."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.run_store.run_differences import changes
from nodeflow.run_store.run_history import document_in, history, last_document, settings_in
from nodeflow.run_store.run_records import Run, RunEvent
from nodeflow.run_store.store import Batch, RunStore


def network(activation: str = "relu", rate: float = 0.1, epochs: int = 5) -> str:
    document = Document()
    commands.add_node(document, activation, (0, 0), "act")
    commands.add_node(document, "adam", (0, 0), "train", {"learning_rate": rate})
    commands.set_training(document, epochs=epochs)
    return flow.dumps(document)


def settings(rate: float = 0.1, epochs: int = 5) -> dict[str, Any]:
    return {"epochs": epochs, "train.learning_rate": rate}


def rate_changed(step: int, before: float, after: float) -> RunEvent:
    data = {"node": "train", "attr": "learning_rate", "value": after, "before": before}
    return RunEvent(step, 0.0, "changed", data)


def sigmoid_at(step: int) -> RunEvent:
    data = {"what": ["act: relu -> sigmoid"], "notices": [], "changes": {}}
    return RunEvent(step, 0.0, "edited", data)


class Kept:
    """A store, and a short way to keep runs there."""

    def __init__(self, folder: Path) -> None:
        self.store = RunStore(folder)
        self._number = 0

    def run(
        self,
        text: str,
        steps: int,
        events: tuple[RunEvent, ...] = (),
        graphs: tuple[tuple[int, str], ...] = (),
        parent: Run | None = None,
        at: int | None = None,
        **more: Any,
    ) -> Run:
        self._number += 1
        id = f"raaaaaaa{'abcdefgh'[self._number]}"
        begun = Run(
            id, f"run {self._number}", created=float(self._number), updated=time.time(),
            settings={**settings(), **more}, parent=parent.id if parent else "", parent_step=at,
        )  # fmt: skip
        begun = self.store.begin(begun, text)
        run = Run(**{**vars(begun), "steps": steps, "status": "done"})
        self.store.add(Batch(run, events=list(events), graphs=list(graphs)))
        return self.store.find(id)


@pytest.fixture
def kept(tmp_path: Path):
    found = Kept(tmp_path / "runs")
    yield found
    found.store.close()


EDITED = (
    (sigmoid_at(300), rate_changed(400, 0.1, 1000.0), rate_changed(450, 1000.0, 0.1)),
    ((300, network("sigmoid")),),
)
"""relu becomes sigmoid at step 300; the rate is 1000 from step 401 to 450."""


def told(edits) -> list[tuple[int, str]]:
    return [(edit.step, edit.words) for edit in edits]


ALL = [
    (300, "act: relu -> sigmoid"),
    (400, "train.learning_rate 0.1 -> 1000"),
    (450, "train.learning_rate 1000 -> 0.1"),
]


def test_settings_and_graph_of_any_step(kept: Kept) -> None:
    run = kept.run(network(), 600, *EDITED)
    for step, rate in ((1, 0.1), (400, 0.1), (401, 1000.0), (450, 1000.0), (451, 0.1), (600, 0.1)):
        assert settings_in(kept.store, run, step)["train.learning_rate"] == rate
        document = document_in(kept.store, run, step)
        assert document is not None
        train, act = document.node_named("train"), document.node_named("act")
        assert train is not None and train.attrs["learning_rate"] == rate
        assert act is not None and act.op == ("relu" if step <= 300 else "sigmoid")
    assert settings_in(kept.store, run) == settings_in(kept.store, run, 600)
    assert settings_in(kept.store, run, first=True)["train.learning_rate"] == 0.1


def test_settings_that_an_edit_changed_are_known_before_and_after(kept: Kept) -> None:
    data = {"changes": {"epochs": [5, 9], "patience": [None, 3]}}
    run = kept.run(network(), 60, (RunEvent(20, 0.0, "settings", data),), epochs=9, patience=3)
    assert settings_in(kept.store, run, 20) == {**settings(), "seed": 0}
    assert settings_in(kept.store, run, 21) == {**settings(epochs=9), "patience": 3, "seed": 0}
    assert told(history(kept.store, run).edits) == [(20, "epochs 5 -> 9; patience not set -> 3")]


def test_what_explains_a_difference_are_the_edits_and_not_what_both_ended_with(kept: Kept) -> None:
    plain = kept.run(network("sigmoid"), 600)
    edited = kept.run(network(), 600, *EDITED)
    found = changes(kept.store, plain, edited)
    assert found and found.parted is None
    assert (found.facts, found.graph) == ((), ())  # both ended with sigmoid and a rate of 0.1
    assert (found.edits[0], told(found.edits[1])) == ((), ALL)


def test_a_branch_shares_the_edits_from_before_it_and_not_those_after(kept: Kept) -> None:
    parent = kept.run(network(), 600, *EDITED)
    branch = kept.run(network("sigmoid"), 700, parent=parent, at=500)
    assert told(history(kept.store, branch).edits) == ALL
    found = changes(kept.store, parent, branch)
    assert found.parted == (parent, 500) and not found
    early = kept.run(network("sigmoid"), 700, parent=parent, at=420)
    found = changes(kept.store, parent, early)
    assert found.parted == (parent, 420)
    assert told(found.edits[0]) == [(450, "train.learning_rate 1000 -> 0.1")]
    # the step before was made with 1000, and the document that it goes on with has 0.1
    assert told(found.edits[1]) == [(420, "train: learning_rate 1000.0 -> 0.1")]
    assert (found.facts, found.graph) == ((), ())
    for step, rate in ((400, 0.1), (410, 1000.0), (421, 0.1)):
        assert settings_in(kept.store, early, step)["train.learning_rate"] == rate


def test_branches_of_branches(kept: Kept) -> None:
    first = kept.run(network(), 600, *EDITED)
    second = kept.run(
        network("sigmoid"), 700, (rate_changed(650, 0.1, 0.5),), parent=first, at=500,
        **{"train.learning_rate": 0.5},
    )  # fmt: skip
    third = kept.run(
        network("tanh", 0.5), 800, parent=second, at=680, **{"train.learning_rate": 0.5}
    )
    edits = told(history(kept.store, third).edits)
    assert edits == [
        *ALL, (650, "train.learning_rate 0.1 -> 0.5"), (680, "act: sigmoid -> tanh")
    ]  # fmt: skip
    found = changes(kept.store, first, third)
    assert found.parted == (first, 500)
    assert told(found.edits[1]) == edits[3:] and not found.edits[0]
    assert [(c.name, c.before, c.after) for c in found.facts] == [("train.learning_rate", 0.1, 0.5)]
    assert changes(kept.store, second, third).parted == (second, 680)
    kept.store.delete([second.id])
    assert told(history(kept.store, third).edits) == []  # what is left of it is the run alone


def test_runs_without_what_their_edits_need_are_compared_as_far_as_they_tell(kept: Kept) -> None:
    """Runs of 0.1 keep no numbers in their settings, and some have no graph."""
    old = {"node": "train", "attr": "learning_rate", "value": 0.5}
    run = kept.run("", 60, (RunEvent(20, 0.0, "changed", old),))
    assert settings_in(kept.store, run)["train.learning_rate"] == 0.5
    assert last_document(kept.store, run) is None
    assert told(history(kept.store, run).edits) == [(20, "train.learning_rate not set -> 0.5")]
    assert changes(kept.store, run, kept.run(network(), 60)).graph == ()


@pytest.mark.thorough
def test_damaged_edits_and_lines_of_branches_tell_nothing_wrong(kept: Kept) -> None:
    """One wrong byte anywhere in the events of a run, and runs that descend from each other."""
    run = kept.run(network(), 600, *EDITED)
    other = kept.run(network("sigmoid"), 700, parent=run, at=500)
    rng = random.Random(5)
    rows = kept.store.database.rows("SELECT number, data FROM events WHERE run = ?", (run.id,))
    for _ in range(200):
        number, data = rng.choice([(row["number"], row["data"]) for row in rows])
        at = rng.randrange(len(data))
        wrong = data[:at] + rng.choice('"{}[]:,x0 n\\') + data[at + 1 :]
        _set_event(kept.store, run.id, number, wrong)
        found = changes(kept.store, run, other)
        assert set(told(found.edits[0])) <= set(told(history(kept.store, run).edits))
        settings_in(kept.store, run, 420)
        document_in(kept.store, run, 420)
        _set_event(kept.store, run.id, number, data)
    assert told(history(kept.store, run).edits) == ALL
    kept.store.database.run(
        "UPDATE runs SET parent = ?, parent_step = 900 WHERE id = ?", (other.id, run.id)
    )
    around = kept.store.find(run.id)
    assert around.parent == other.id and settings_in(kept.store, around, 3)
    assert len(history(kept.store, around).runs) == 2


def _set_event(store: RunStore, run: str, number: int, data: str) -> None:
    with store.database.writing():
        values = (data, run, number)
        store.database.run("UPDATE events SET data = ? WHERE run = ? AND number = ?", values)


def test_python_has_the_edits_and_the_settings_of_a_step(kept: Kept) -> None:
    run = kept.run(network(), 600, *EDITED)
    found = nf.runs(run.id, folder=kept.store.folder)[0]
    assert told(found.edits) == ALL
    rates = [found.settings_at(step)["train.learning_rate"] for step in (400, 401, 451)]
    assert rates == [0.1, 1000.0, 0.1]
