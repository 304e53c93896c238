"""A text of one's own: dropped, looked at, cut into tokens, and made into a graph."""

from __future__ import annotations

import pytest

from nodeflow.host import protocol as p
from nodeflow.ui.popups.own_data.columns_model import INPUT
from tests.ui.test_own_data import drop, wizard_of

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
DIARY = "Dear diary,\nnothing happened. Nothing at all!\n" * 60


@pytest.fixture
def diary(tmp_path):
    path = tmp_path / "diary.txt"
    path.write_text(DIARY)
    return path


def test_a_dropped_text_becomes_a_graph_that_continues_it(window, engine, diary, qtbot):
    drop(window, diary)
    wizard = wizard_of(window, qtbot)
    assert f"{len(DIARY)} characters, {len(set(DIARY))} of them different" in (
        wizard.preview.facts.text()
    )
    assert wizard.preview.model.index(0, 0).data() == "Dear diary,"
    wizard.next.click()
    columns = wizard.columns
    shown = [f for f in (columns.unit, columns.look_back, columns.test) if f.isVisibleTo(wizard)]
    assert len(shown) == 3 and not columns.split.isVisibleTo(wizard)
    assert columns.table.isColumnHidden(INPUT) and not columns.scale.isVisibleTo(wizard)
    columns.unit.setCurrentIndex(columns.unit.findData("words"))
    columns.look_back.setValue(8)
    wizard.next.click()
    starter = wizard.starter
    assert starter.buttons["text"].isChecked() and not starter.buttons["classify"].isEnabled()
    wizard.next.click()
    document = lambda: window.workspace.document  # noqa: E731
    qtbot.waitUntil(lambda: document().node_named("logits") is not None, timeout=20_000)
    qtbot.waitUntil(lambda: bool(engine.requests(p.Train)), timeout=10_000)
    data = document().node_named("diary")
    assert data.attrs["unit"] == "words" and data.attrs["window"] == 8
    assert data.attrs["tokens"], "another text is numbered alike"
    assert document().node_named("logits").attrs["units"] == len(data.attrs["tokens"]) + 1
    assert not [x for x in window.workspace.analysis.all_problems() if x.severity == "error"]


def test_a_list_of_names_is_guessed_to_be_lines(window, tmp_path, qtbot):
    path = tmp_path / "names.txt"
    path.write_text("\n".join(f"name{chr(97 + n)}" for n in range(26)))
    drop(window, path)
    wizard = wizard_of(window, qtbot)
    wizard.show_step(1)
    assert wizard.columns.by_line.isChecked() and wizard.columns.look_back.value() == 6
    assert wizard.choices.options()["texts"] == "lines"
