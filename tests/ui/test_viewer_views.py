"""The Viewer's tabs with views: which node they are of, their choices, and the pin."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from nodeflow.document.edit import commands
from nodeflow.document.edit.set_flags import set_view
from nodeflow.host import protocol as p
from nodeflow.host.views.kinds.plot import PlotData, Series
from nodeflow.resources import example

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def line(window, qtbot):
    """The linear regression, with the Viewer in front."""
    window.files.open_example(example("linear_regression"))
    window.pages.show_canvas()
    document = window.workspace.document
    for record in list(document.nodes.values()):
        if "view" in record.extra:
            set_view(document, record.id, None)
    window.canvas.viewport.zoom(-1000)  # nothing is in sight, so only the Viewer asks
    window.docking.show("viewer")
    return window


@pytest.fixture
def viewer(line):
    return line.panels["viewer"]


def node(window, name: str) -> str:
    return window.workspace.document.node_named(name).id


def select(window, *names: str) -> None:
    window.canvas.selection.select([node(window, name) for name in names])


def tab(viewer, text: str):
    return next(button for button in viewer._tabs.buttons() if button.text() == text)


def click_tab(viewer, text: str) -> None:
    QTest.mouseClick(tab(viewer, text), LEFT)


def watched(engine) -> tuple[p.ViewSpec, ...]:
    requests = engine.requests(p.WatchViews)
    return requests[-1].views if requests else ()


def plot(x: str = "x", style: str = "line") -> PlotData:
    values = np.linspace(0.0, 1.0, 20)
    return PlotData(
        (Series("prediction", style, "value", values, 2 * values),),
        (x, "prediction"),
        (("x", "x"), ("y", "y"), ("#", "row number")),
        x,
        style,
    )


def answer(engine, data, **more) -> None:
    (spec,) = watched(engine)
    engine.on_message(p.ViewValue(engine.requests(p.WatchViews)[-1].request, spec, data, **more))


@pytest.mark.thorough
def test_a_tab_shows_the_view_of_the_selected_node(line, viewer, engine, qtbot):
    select(line, "prediction")
    click_tab(viewer, "Plot")
    spec = p.ViewSpec("plot", "prediction")
    qtbot.waitUntil(lambda: watched(engine) == (spec,))
    answer(engine, plot(), step=40, rate=9.9)
    page = viewer.views.page
    qtbot.waitUntil(lambda: page.canvas.shown.value is not None)
    assert page.isVisible() and "step 40" in page.state.text() and "9.9" in page.state.text()
    assert "prediction over x" in page.canvas.accessibleDescription()
    select(line, "scaled")
    qtbot.waitUntil(lambda: watched(engine) == (p.ViewSpec("plot", "scaled"),))
    click_tab(viewer, "Table")
    qtbot.waitUntil(lambda: watched(engine) == ())
    assert viewer.table.isVisible()


def test_what_is_not_seen_is_not_computed(line, viewer, engine, qtbot):
    select(line, "prediction")
    click_tab(viewer, "Plot")
    qtbot.waitUntil(lambda: len(watched(engine)) == 1)
    line.docking.show("log")
    qtbot.waitUntil(lambda: watched(engine) == ())
    line.docking.show("viewer")
    qtbot.waitUntil(lambda: len(watched(engine)) == 1)


@pytest.mark.thorough
def test_a_choice_is_asked_for_and_kept_for_the_node(line, viewer, engine, qtbot):
    select(line, "prediction")
    click_tab(viewer, "Plot")
    qtbot.waitUntil(lambda: len(watched(engine)) == 1)
    answer(engine, plot())
    page = viewer.views.page
    qtbot.waitUntil(lambda: bool(page._combos))
    assert [page.combo("x").itemText(i) for i in range(3)] == ["x", "y", "row number"]
    assert page.combo("style").currentText() == "Line"
    page.combo("x").setFocus()
    QTest.keyClick(page.combo("x"), Qt.Key.Key_Down)
    spec = p.ViewSpec("plot", "prediction", (("x", "y"),))
    qtbot.waitUntil(lambda: watched(engine) == (spec,))
    before = line.workspace.document.revision
    select(line, "scaled")
    qtbot.waitUntil(lambda: watched(engine) != (spec,))
    select(line, "prediction")
    qtbot.waitUntil(lambda: watched(engine) == (spec,))
    assert line.workspace.document.revision == before, "what is looked at is no edit"


def test_the_pin_puts_the_view_with_its_choices_on_the_node(line, viewer, engine, qtbot):
    document = line.workspace.document
    select(line, "prediction")
    click_tab(viewer, "Plot")
    qtbot.waitUntil(lambda: len(watched(engine)) == 1)
    answer(engine, plot())
    page = viewer.views.page
    qtbot.waitUntil(lambda: bool(page._combos))
    page.combo("x").setFocus()
    QTest.keyClick(page.combo("x"), Qt.Key.Key_Down)
    QTest.mouseClick(page.pin, LEFT)
    record = document.node_named("prediction")
    assert record.extra["view"] == {"kind": "plot", "x": node(line, "y")}
    assert page.is_pinned
    qtbot.waitUntil(lambda: watched(engine) == (p.ViewSpec("plot", "prediction", (("x", "y"),)),))
    answer(engine, plot("y", "scatter"))
    qtbot.waitUntil(lambda: page.combo("style").currentText() == "Points")
    page.combo("style").setFocus()
    QTest.keyClick(page.combo("style"), Qt.Key.Key_Down)
    assert document.node_named("prediction").extra["view"]["style"] == "bars"
    document.undo()
    document.undo()
    assert "view" not in document.node_named("prediction").extra
    assert not page.is_pinned


@pytest.mark.thorough
def test_a_view_that_is_on_the_node_already_is_shown_at_once(line, viewer, engine, qtbot):
    set_view(line.workspace.document, node(line, "prediction"), {"kind": "plot"})
    line.docking.show("log")
    line.canvas.viewport.fit_all()
    qtbot.waitUntil(lambda: watched(engine) == (p.ViewSpec("plot", "prediction"),))
    answer(engine, plot())
    slot = line.canvas.scene.nodes.get(node(line, "prediction"))
    qtbot.waitUntil(lambda: line.canvas.scene.card(slot).value.value is not None)
    count = len(engine.requests(p.WatchViews))
    line.docking.show("viewer")
    select(line, "prediction")
    qtbot.waitUntil(lambda: viewer.views.page.canvas.shown.value is not None)
    assert len(engine.requests(p.WatchViews)) == count


@pytest.mark.thorough
def test_without_a_selection_the_first_pinned_view_is_shown(line, viewer, engine, qtbot):
    assert viewer.name == ""
    document = line.workspace.document
    set_view(document, node(line, "prediction"), {"kind": "plot"})
    line.canvas.selection.select([])
    qtbot.waitUntil(lambda: watched(engine) == (p.ViewSpec("plot", "prediction"),))
    assert viewer.name == "prediction" and tab(viewer, "Plot").isChecked()
    document.undo()
    qtbot.waitUntil(lambda: watched(engine) == ())
    assert viewer.name == ""


@pytest.mark.thorough
def test_two_nodes_are_plotted_one_over_the_other(line, viewer, engine, qtbot):
    select(line, "scaled", "prediction")
    spec = p.ViewSpec("plot", "prediction", (("x", "scaled"),))
    qtbot.waitUntil(lambda: watched(engine) == (spec,))
    assert tab(viewer, "Plot").isChecked() and not tab(viewer, "Regions").isEnabled()


@pytest.mark.thorough
def test_a_tab_says_why_a_node_has_no_such_view(line, viewer, engine, qtbot):
    for name, words in (("slope", "single number"), ("scaled", "shape ?×2")):
        select(line, name)
        assert tab(viewer, "Plot").isEnabled()
        assert not tab(viewer, "Regions").isEnabled()
        assert words in tab(viewer, "Regions").toolTip()


@pytest.mark.thorough
def test_a_chosen_tab_comes_back_where_it_can(line, viewer, engine, qtbot):
    select(line, "prediction")
    click_tab(viewer, "Plot")
    select(line, "slope")
    click_tab(viewer, "Histogram")
    select(line, "prediction")
    assert tab(viewer, "Histogram").isChecked()
    click_tab(viewer, "Plot")
    set_view(line.workspace.document, node(line, "slope"), {"kind": "regions"})
    select(line, "slope")
    assert tab(viewer, "Table").isChecked(), "a view that the node cannot have is passed over"
    select(line, "scaled")
    assert tab(viewer, "Plot").isChecked()


@pytest.mark.thorough
def test_a_renamed_node_is_asked_for_by_its_new_name(line, viewer, engine, qtbot):
    select(line, "prediction")
    click_tab(viewer, "Plot")
    commands.rename(line.workspace.document, node(line, "prediction"), "answer")
    qtbot.waitUntil(lambda: watched(engine) == (p.ViewSpec("plot", "answer"),))


@pytest.mark.thorough
def test_the_pointer_tells_what_is_under_it(line, viewer, engine, qtbot):
    select(line, "prediction")
    click_tab(viewer, "Plot")
    qtbot.waitUntil(lambda: len(watched(engine)) == 1)
    answer(engine, plot())
    canvas = viewer.views.page.canvas
    qtbot.waitUntil(lambda: canvas.shown.value is not None)
    found = set()
    for x in range(0, canvas.width(), 7):
        for y in range(0, canvas.height(), 7):
            QTest.mouseMove(canvas, QPoint(x, y))
            found.add(canvas.pointed)
    assert any(text.startswith("prediction: x ") for text in found)


@pytest.mark.thorough
def test_views_of_answers_have_tabs_only_for_what_answers(window, qtbot):
    """Tabs that hardly any node has would leave no room for its name."""
    window.files.open_example(example("mnist"))
    window.docking.show("viewer")
    viewer, document = window.panels["viewer"], window.workspace.document
    rare = {"ROC", "Precision–recall", "By class"}

    def tabs() -> set[str]:
        return {tab.text() for tab in viewer._tabs.buttons() if not tab.isHidden()}

    for name, has_them in (("probabilities", True), ("W1", False), ("logits", True), ("x", False)):
        window.canvas.selection.select([document.node_named(name).id])
        qtbot.waitUntil(lambda has=has_them: (rare if has else set()) == rare & tabs())
        assert {"Regions", "Distribution", "Scatter plot"} <= tabs()
