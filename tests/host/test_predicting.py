"""Predictions for another file: rows and their answers, as messages or as a file."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from nodeflow.document.model.document import Document
from nodeflow.document.starters import look_at, make
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import FileProblem, NodeflowError
from nodeflow.host import protocol as p
from nodeflow.host.long_tasks.predicting import predict
from tests import own_data

NAMES = ["area", "rooms", "age", "distance"]
ROWS = [[100, 4, 20, 5], [60, 2, 1, 12.5], ["", 3, 8, 4], [220, 8, 70, 1]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("houses")


@pytest.fixture(scope="module")
def document(folder) -> Document:
    return make("regress", look_at(f"csv:{own_data.houses(folder / 'houses.csv')}", {}))


@pytest.fixture(scope="module")
def variables(document) -> dict[str, np.ndarray]:
    """Weights as a training might leave them."""
    random = np.random.default_rng(4)
    with Session(Task(document).graph, tier="reference") as session:
        session.initialize()
        shapes = {name: np.shape(value) for name, value in session.variables.items()}
    return {name: random.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}


def by_hand(document: Document, variables, rows: np.ndarray) -> np.ndarray:
    """What the network answers, in numpy."""
    x, out = document.node_named("scaled_x").attrs, document.node_named("prediction").attrs
    values = (rows - np.array(x["mean"])) / np.array(x["deviation"])
    for layer in ("hidden", "scaled_prediction"):
        values = values @ variables[f"{layer}/kernel"] + variables[f"{layer}/bias"]
        values = np.maximum(values, 0) if layer == "hidden" else values
    return (values * np.array(out["deviation"]) + np.array(out["mean"]))[:, 0]


def ask(document, variables, source: str, **more) -> list[p.Message]:
    sent: list[p.Message] = []
    predict(document, p.Predict(source, 7, **more), variables, sent.append)
    return sent


@pytest.mark.thorough
def test_each_row_of_the_new_file_has_its_answer_in_its_place(document, variables, folder):
    path = own_data.write(folder / "new.csv", NAMES, ROWS)
    rows, done = ask(document, variables, f"csv:{path}")
    assert isinstance(rows, p.PredictedRows) and rows.columns == (*NAMES, "prediction")
    assert rows.added == (True,) and [row[:4] for row in rows.rows] == [
        tuple(str(cell) for cell in row) for row in ROWS
    ]
    found = [row[4] for row in rows.rows]
    assert found[2] == "", "a row with a missing value has no answer"
    full = np.array([row for row in ROWS if "" not in row], float)
    wanted = by_hand(document, variables, full)
    np.testing.assert_allclose([float(x) for x in found if x], wanted, rtol=1e-4)
    assert isinstance(done, p.Predicted) and done.count == 4 and not done.cancelled
    assert document.node_named("houses").attrs["source"].endswith("houses.csv"), "untouched"


def test_all_rows_are_written_and_the_first_are_sent(document, variables, folder):
    path = own_data.houses(folder / "many.csv", 1300)
    sent = ask(document, variables, f"csv:{path}", most=600)
    parts = [m for m in sent if isinstance(m, p.PredictedRows)]
    assert sum(len(m.rows) for m in parts) == 600 and parts[-1].total == 1300
    target = folder / "out.csv"
    *_, done = ask(document, variables, f"csv:{path}", path=str(target))
    assert done.count == 1300 and done.path == str(target)
    with target.open() as stream:
        lines = list(csv.reader(stream))
    assert lines[0][-1] == "prediction" and len(lines) == 1301
    full = np.array([row[:4] for row in lines[1:]], float)
    wanted = by_hand(document, variables, full)
    np.testing.assert_allclose([float(row[-1]) for row in lines[1:]], wanted, rtol=1e-3)
    assert [f.name for f in folder.iterdir() if f.name.endswith(".part")] == []


def test_it_stops_when_asked(document, variables, folder):
    path = own_data.houses(folder / "stop.csv", 1300)
    sent: list[p.Message] = []
    calls = iter(range(10**6))
    target = folder / "stopped.csv"
    request = p.Predict(f"csv:{path}", 7, str(target))
    predict(document, request, variables, sent.append, cancelled=lambda: next(calls) > 700)
    assert sent[-1].cancelled and sent[-1].count == 701
    assert not target.exists(), "half a file is no file"


def test_what_does_not_fit_is_named(document, variables, folder):
    path = own_data.write(folder / "less.csv", NAMES[:3], [row[:3] for row in ROWS])
    with pytest.raises(NodeflowError, match="distance"):
        ask(document, variables, f"csv:{path}")


def test_a_file_that_cannot_be_written_is_an_error(document, variables, folder):
    path = own_data.write(folder / "new.csv", NAMES, ROWS)
    with pytest.raises(FileProblem, match=r"cannot write /nowhere/out\.csv"):
        ask(document, variables, f"csv:{path}", path="/nowhere/out.csv")


@pytest.mark.thorough
def test_the_engine_process_answers(talk, document, folder):
    path = own_data.write(folder / "new.csv", NAMES, ROWS)
    talk.sync(document)
    talk.send(p.Predict(f"csv:{path}", 3))
    assert talk.wait_for(p.PredictedRows).total == 3
    assert talk.wait_for(p.Predicted).request == 3
