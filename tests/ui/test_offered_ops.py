"""A lesson that offers a few ops: lists leave out the others, and nothing else adds one."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPointF
from PySide6.QtTest import QTest

from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.lessons.rules import refusal, shown_ops
from nodeflow.lessons.schema import lesson_of
from nodeflow.lessons.start import start_of
from nodeflow.lessons.student_copy import student_copy
from nodeflow.ui.popups.search.op_query import by_category
from tests.lessons import softmax_lesson as softmax

OFFERED = ["exp", "reduce_sum", "divide", "reduce_max", "subtract", "identity"]
NOTE = "This lesson offers 7 ops."


@pytest.fixture
def lesson(window, tmp_path: Path):
    """A window that runs a lesson with six ops; constants are always offered."""
    document = softmax.changed(
        offered=OFFERED,
        steps=[{"id": "all", "checks": ["values"]}],
        texts={**softmax.lesson().lesson["texts"], "steps.all.title": "A", "steps.all.text": "B"},
    )
    flow.save(student_copy(document), tmp_path / "softmax.flow")
    window.files.open_path(tmp_path / "softmax.flow")
    return window


def listed(panel) -> set[str]:
    return {op.id for ops in by_category(panel._ops).values() for op in ops}


def test_the_palette_and_the_searches_list_what_the_lesson_offers(lesson):
    window = lesson
    palette = window.panels["palette"]
    assert listed(palette) == {*OFFERED, "constant"}
    assert palette.limit == NOTE
    window.search.search(QPointF(0, 0), QPointF(0, 0), None)
    assert {row.op for row in window.search.model.rows} == {*OFFERED, "constant"}
    assert window.search.note.text() == NOTE
    QTest.keyClicks(window.search.field, "soft")
    assert "softmax" not in {row.op for row in window.search.model.rows}
    QTest.keyClicks(window.search.field, "max")
    assert window.search.note.text() == f"No op matches “softmax”. {NOTE}"
    window.search.hide()
    window.lessons.leave()
    assert len(listed(palette)) > 100
    assert palette.limit == ""


def test_a_formula_needs_what_the_lesson_offers(lesson):
    bar = lesson.popups.formula
    bar.open()
    bar.field.setText("p = softmax(z)")
    problem = bar.check()
    assert problem is not None
    assert bar.note.text() == f"Softmax is not offered in this lesson. {NOTE}"
    assert not bar.add_button.isEnabled()
    bar.field.setText("soft")
    bar._find_words()
    assert "softmax" not in bar._words
    bar.field.setText("p = exp(z)")
    assert bar.check() is None
    bar.accept()
    assert lesson.workspace.root.node_named("p") is not None


def test_rules_allow_parts_dots_and_groups_and_refuse_other_ops():
    document = softmax.changed(offered=OFFERED)
    lesson = lesson_of(document)
    assert lesson is not None
    assert shown_ops(lesson) == {*OFFERED, "constant"}
    start = start_of(document, lesson)
    answer = flow.loads(flow.dumps(start))
    said = []
    answer.subscribe(lambda change: said.append(refusal(lesson, start, change)))
    a = commands.add_node(answer, "exp", (0, 0), "a")
    commands.add_node(answer, "reroute", (0, 0), "dot")
    create(answer, [a])
    assert set(said) == {""}
    commands.add_node(answer, "softmax", (0, 0), "s")
    assert said[-1] == "softmax is not offered in this lesson."
