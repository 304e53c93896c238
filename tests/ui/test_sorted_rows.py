"""Tables whose rows stay sorted: any order of changes ends as Python sorts, and what is selected
stays so."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QTableView

from nodeflow.run_store.run_records import Run
from nodeflow.sweeps.grid_and_random_trials import Trial
from nodeflow.sweeps.results import DONE, TRAINING, Result
from nodeflow.ui.panels.trainings.run_table import RunFilter, RunModel, stretches
from nodeflow.ui.panels.trainings.trial_table import NUMBER, RESULT, TrialModel

RISES, FALLS = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


def table_of(model, qtbot) -> QTableView:
    table = QTableView()
    qtbot.addWidget(table)
    table.setModel(model)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSortingEnabled(True)
    table.show()
    return table


def column(model, title: str) -> list[str]:
    titles = [model.headerData(n, Qt.Orientation.Horizontal, Qt.ItemDataRole.AccessibleTextRole)
              for n in range(model.columnCount())]  # fmt: skip
    at = titles.index(title)
    return [model.index(row, at).data() for row in range(model.rowCount())]


@pytest.mark.parametrize("order", [RISES, FALLS])
@pytest.mark.parametrize("title", [RESULT, NUMBER, "rate"])
def test_trials_stay_sorted_while_they_train(qtbot, title: str, order: Qt.SortOrder) -> None:
    draw = random.Random(3)
    model = TrialModel()
    table = table_of(model, qtbot)
    results: dict[int, Result] = {}
    for number in range(12):
        rate = draw.choice([0.1, 0.2, 0.3])
        results[number] = Result(Trial(number, {"rate": rate}), TRAINING, key="loss")
        model.take(results[number])
    table.sortByColumn(model.columns.index(title), order)
    table.selectRow(4)
    chosen = model.rows[4].trial.number
    for _ in range(200):
        number = draw.randrange(14)
        known = results.get(number) or Result(Trial(number, {"rate": 0.2}), TRAINING, key="loss")
        value = draw.choice([float("nan"), 0.5, draw.random()])
        results[number] = replace(known, value=value, state=draw.choice([TRAINING, DONE]))
        model.take(results[number])
        keys = [model.key_of(row, title) for row in model.rows]
        assert keys == sorted(keys, reverse=order == FALLS)
        assert {row.trial.number: row for row in model.rows} == results
        (index,) = table.selectionModel().selectedRows()
        assert model.rows[index.row()].trial.number == chosen
    assert [r.trial.number for r in model.results] == [*dict.fromkeys(results)]


def run_of(number: int, draw: random.Random) -> Run:
    name = draw.choice(["net", "Net", "a", "zeta"])
    return Run(f"r{number}", name, created=float(number), loss=draw.choice([None, draw.random()]))


@pytest.mark.sample(3)
@pytest.mark.parametrize("order", [RISES, FALLS])
@pytest.mark.parametrize("title", ["Name", "Loss", "Started", "★"])
def test_runs_stay_sorted_as_others_come_change_and_go(qtbot, title: str, order) -> None:
    draw = random.Random(5)
    model = RunModel()
    shown = RunFilter(model)
    table = table_of(shown, qtbot)
    runs = [run_of(number, draw) for number in range(20)]
    model.show(runs[::-1])
    table.sortByColumn(model.columns.index(title), order)
    table.selectRow(7)
    chosen = model.rows[7].id
    for step in range(120):
        if step % 3 == 0:
            runs.append(run_of(100 + step, draw))
        elif step % 3 == 1:
            at = draw.randrange(len(runs))
            runs[at] = replace(runs[at], star=not runs[at].star, loss=draw.random())
        else:
            gone = draw.sample([r for r in runs if r.id != chosen], 2)
            runs = [run for run in runs if run not in gone]
            runs += [run_of(300 + step, draw)]
        newest = runs[::-1]
        model.show(newest)
        assert model.rows == sorted(
            newest, key=lambda run: model.key_of(run, title), reverse=order == FALLS
        )
        (index,) = table.selectionModel().selectedRows()
        assert model.rows[shown.mapToSource(index).row()].id == chosen
        assert column(shown, "Name") == [run.name for run in model.rows]
    shown.search("zeta")
    assert set(column(shown, "Name")) == {"zeta"}


def test_stretches_of_true_values() -> None:
    draw = random.Random(1)
    for _ in range(50):
        wanted = [draw.random() < 0.5 for _ in range(draw.randrange(12))]
        found = stretches(wanted)
        places = [p for first, last in found for p in range(first, last + 1)]
        assert places == [p for p, is_wanted in enumerate(wanted) if is_wanted]
        assert all(one[1] + 1 < other[0] for one, other in itertools.pairwise(found))
