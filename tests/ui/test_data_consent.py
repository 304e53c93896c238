"""Data outside the document's folder: not touched by any view before the user said yes, once."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit

from nodeflow.document.analysis.datasets.outside_data import allow_title
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.io.consents import remembered
from nodeflow.document.model.document import Document
from nodeflow.host import protocol as p
from tests.touched import touched

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key = Qt.Key
TABLE = "a,b\n1,2\n3,4\n5,6\n7,8\n"
UNC = ["//host/share/x.csv", r"\\host\share\x.csv"]


@pytest.fixture
def there(tmp_path) -> Path:
    """A folder of private tables."""
    (tmp_path / "there").mkdir()
    for name in ("x.csv", "y.csv"):
        (tmp_path / "there" / name).write_text(TABLE)
    return tmp_path / "there"


@pytest.fixture
def write(tmp_path):
    """Writes a document with a dataset node for each source into a folder of its own."""

    def write_one(*sources: str, name: str = "graph.flow") -> Path:
        doc = Document()
        for number, source in enumerate(sources):
            data = commands.add_node(
                doc, "dataset", (40, 200 * number), f"data{number}", {"source": source}
            )
            x = commands.add_node(
                doc, "placeholder", (400, 200 * number), f"x{number}", {"shape": [None, 1]}
            )
            commands.connect(doc, data, "features", x, "feed")
        (tmp_path / "here").mkdir(exist_ok=True)
        flow.save(doc, tmp_path / "here" / name)
        return tmp_path / "here" / name

    return write_one


def problems(window) -> list[str]:
    return [problem.kind for problem in window.workspace.problems()]


def problem_texts(window) -> str:
    items = window.panels["problems"].list
    return "\n".join(items.item(i).text() for i in range(items.count()))


def buttons(widget) -> dict[str, object]:
    from PySide6.QtWidgets import QPushButton

    return {b.text(): b for b in widget.findChildren(QPushButton) if not b.isHidden()}


def look_everywhere(window, qtbot) -> None:
    """Shows the dataset nodes in each view that has them."""
    canvas, nodes = window.canvas, list(window.workspace.document.nodes.values())
    for name in window.docking.docks:
        window.docking.show(name)
    canvas.viewport.fit_all()
    window.grab()
    for record in nodes:
        canvas.selection.select([record.id])
        place = canvas.viewport.node_rect(record.id).center().toPoint()
        tip = QHelpEvent(QEvent.Type.ToolTip, place, canvas.mapToGlobal(place))
        QApplication.sendEvent(canvas, tip)
        QTest.mouseMove(canvas, place)
        QApplication.processEvents()
        window.grab()
    canvas.selection.select([nodes[0].id])
    for line in window.panels["inspector"].findChildren(QLineEdit):
        line.setFocus()
        QApplication.processEvents()
    window.context_menu.open("dataset", QPoint(200, 200))
    QTest.keyClick(QApplication.activePopupWidget() or window, Key.Key_Escape)
    window.actions_.trigger("find")
    QTest.keyClicks(QApplication.focusWidget() or window, "data")
    QTest.keyClick(QApplication.focusWidget() or window, Key.Key_Escape)
    window.actions_.trigger("command_palette")
    QTest.keyClicks(QApplication.focusWidget() or window, "allow")
    QTest.keyClick(QApplication.focusWidget() or window, Key.Key_Escape)
    window.own_data.show_rows(nodes[0].id)
    QTest.qWait(100)
    window.grab()
    window.actions_.trigger("welcome")
    QTest.qWait(200)
    window.grab()
    window.actions_.trigger("welcome")
    window.pages.show_canvas()
    for page in window.panels["problems"].list, window.panels["outline"]:
        page.grab()
    for action in window.actions_.actions.values() if hasattr(window.actions_, "actions") else ():
        action.isEnabled()
    window.actions_.refresh_now()
    window.actions_.trigger("run")
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=30_000)


@pytest.mark.thorough
@pytest.mark.parametrize("engine_of", ["window", "live_window"])
def test_no_view_touches_anything_before_the_yes(
    engine_of, request, write, there, tmp_path, qtbot
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link.csv").symlink_to(there / "y.csv")
    (tmp_path / "here" / "folder").symlink_to(there)
    path = write(
        "csv:../there/x.csv", f"csv:{there}/y.csv", "csv:link.csv", "pictures:folder",
        *(f"csv:{unc}" for unc in UNC), "npz:folder/z.npz", f"csv:file://{there}/x.csv",
    )  # fmt: skip
    made = request.getfixturevalue(engine_of)
    window = made() if callable(made) else made
    places = [there, there / "x.csv", there / "y.csv", "//host", "/host", r"\\host"]
    with touched(*places, str(tmp_path / "here" / UNC[1])) as found:
        assert window.files.open_path(path)
        look_everywhere(window, qtbot)
        assert window.files.load(path), "once more, as a recent file"
        look_everywhere(window, qtbot)
    assert not found
    assert problems(window).count("OutsideData") == 8
    assert f"outside the document's folder: {there / 'x.csv'}" in problem_texts(window)


@pytest.mark.thorough
def test_the_yes_at_the_node_is_for_its_file_and_is_remembered(window, write, there, qtbot) -> None:
    path = write("csv:../there/x.csv", "csv:../there/y.csv")
    window.files.open_path(path)
    first, second = (n for n in window.workspace.document.nodes.values() if n.op == "dataset")
    window.canvas.selection.select([first.id])
    shown = buttons(window.panels["inspector"])
    with touched(there / "y.csv") as found:
        qtbot.mouseClick(shown["Allow"], Qt.MouseButton.LeftButton)
        window.grab()
    assert not found
    assert window.workspace.analysis.out_types(first.id)
    assert window.workspace.analysis.out_types(second.id) is None
    assert problems(window).count("OutsideData") == 1
    assert str(there / "x.csv") in remembered(path)
    assert "csv" not in str(remembered(path)).replace(str(there / "x.csv"), "")
    assert "allow" not in path.read_text() and not window.workspace.root.is_modified
    window.files.begin_empty()
    window.files.open_path(path)
    assert problems(window).count("OutsideData") == 1, "remembered for x.csv"


@pytest.mark.thorough
def test_the_yes_in_the_problems_panel(window, write, there, qtbot) -> None:
    window.files.open_path(write("csv:../there/x.csv", "csv:../there/y.csv"))
    window.docking.show("problems")
    shown = buttons(window.panels["problems"])
    qtbot.mouseClick(shown[allow_title(str(there / "y.csv"))], Qt.MouseButton.LeftButton)
    assert [p.node for p in window.workspace.problems() if p.kind == "OutsideData"] == ["data0"]
    listed = window.panels["problems"].list
    left = [w for i in range(listed.count()) if (w := listed.itemWidget(listed.item(i)))]
    assert [list(buttons(row)) for row in left] == [[allow_title(str(there / "x.csv"))]]


@pytest.mark.thorough
def test_the_notice_over_the_canvas_allows_all(window, engine, write, there, qtbot) -> None:
    window.files.open_path(write("csv:../there/x.csv", "csv:../there/y.csv", "csv:../there/x.csv"))
    assert "names 2 files outside its folder" in window.info.text
    assert window.info.button.text() == "Allow all 2"
    qtbot.mouseClick(window.info.button, Qt.MouseButton.LeftButton)
    assert "OutsideData" not in problems(window) and not window.info.text
    sent = [r for r in engine.sent if isinstance(r, p.SyncDocument)][-1]
    assert str(there / "x.csv") in sent.allowed and sent.keep
    window.actions_.refresh_now()
    assert not window.actions_["allow_all_data"].isEnabled()


@pytest.mark.thorough
def test_the_action_of_the_selected_node_is_for_its_data(window, write, there) -> None:
    window.files.open_path(write("csv:../there/x.csv", "csv:../there/y.csv"))
    window.canvas.selection.select([next(iter(window.workspace.document.nodes))])
    window.actions_.trigger("allow_data")
    assert [p.node for p in window.workspace.problems() if p.kind == "OutsideData"] == ["data1"]
    window.actions_.refresh_now()
    assert not window.actions_["allow_data"].isEnabled()
    assert window.actions_["allow_all_data"].isEnabled()


@pytest.mark.thorough
def test_the_engine_gets_the_yes_with_the_document(live_window, write, there, qtbot) -> None:
    window = live_window()
    window.files.open_path(write("csv:../there/x.csv"))
    qtbot.mouseClick(window.info.button, Qt.MouseButton.LeftButton)
    name = next(n.name for n in window.workspace.document.nodes.values() if n.op == "placeholder")
    qtbot.waitUntil(
        lambda: window.canvas.node_state.value_of(window.workspace.find(name)) is not None,
        timeout=20_000,
    )


@pytest.mark.thorough
def test_one_file_is_named_in_the_notice(window, write, there) -> None:
    window.files.open_path(write("csv:../there/x.csv"))
    assert str(there / "x.csv") in window.info.text and window.info.button.text() == "Allow"


def test_the_page_of_rows_asks_and_then_shows_them(window, write, there, qtbot) -> None:
    window.files.open_path(write("csv:../there/x.csv"))
    node = next(iter(window.workspace.document.nodes))
    window.own_data.show_rows(node)
    page = window.pages.dataset
    qtbot.waitUntil(lambda: page.allow.isVisible(), timeout=10_000)
    assert str(there / "x.csv") in page.problem.text() and not page.locate.isVisible()
    qtbot.mouseClick(page.allow, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.content is not None, timeout=20_000)


@pytest.mark.thorough
def test_save_as_elsewhere_keeps_what_was_allowed(
    window, write, there, tmp_path, monkeypatch
) -> None:
    path = write("csv:../there/x.csv", "csv:own.csv", "csv:../there/y.csv")
    (path.parent / "own.csv").write_text(TABLE)
    window.files.open_path(path)
    window.workspace.allow(there / "x.csv")
    other = tmp_path / "far" / "away" / "copy.flow"
    other.parent.mkdir(parents=True)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(other), ""))
    assert window.files.save_as()
    assert problems(window).count("OutsideData") == 1
    window.files.begin_empty()
    window.files.open_path(other)
    (left,) = (p for p in window.workspace.problems() if p.kind == "OutsideData")
    assert left.node == "data2" and str(there / "y.csv") in left.message


@pytest.mark.thorough
def test_typing_a_path_is_a_yes_and_another_kind_for_it_is_none(
    window, write, there, qtbot
) -> None:
    window.files.open_path(write("csv:../there/x.csv"))
    node = next(iter(window.workspace.document.nodes))
    window.canvas.selection.select([node])
    editor = window.panels["inspector"].outside.page.source.editor
    editor.kind.setCurrentIndex(editor.kind.findData("npy"))
    editor.kind.activated.emit(editor.kind.currentIndex())
    assert window.workspace.document.nodes[node].attrs["source"] == "npy:../there/x.csv"
    assert not window.workspace.root.allowed
    line = window.panels["inspector"].outside.page.source.editor.file.line
    line.setFocus()
    with touched(there, "//host", "/host") as found:
        QTest.keyClick(line, Key.Key_End)
        QTest.keyClick(line, Key.Key_Backspace)
        line.setText("")
        QTest.keyClicks(line, "//host/sha")
    assert not found, "completion looks into no folder that the file named, nor at computers"
    line.selectAll()
    QTest.keyClicks(line, f"{there}/y.csv")
    QTest.keyClick(line, Key.Key_Return)
    assert str(there / "y.csv") in window.workspace.root.allowed
    assert window.workspace.document.nodes[node].attrs["source"] == f"npy:{there}/y.csv"


@pytest.mark.thorough
def test_browsing_begins_in_a_folder_that_may_be_read(window, write, there, monkeypatch) -> None:
    path = write("csv:../there/x.csv")
    window.files.open_path(path)
    node = next(iter(window.workspace.document.nodes))
    window.canvas.selection.select([node])
    begun = []

    def choose(parent, title, start, *_):
        begun.append(start)
        return str(there / "y.csv"), ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", choose)
    with touched(there / "x.csv") as found:
        window.panels["inspector"].outside.page.source.editor.file.browse.click()
    assert begun == [str(path.parent)] and not found
    assert window.workspace.analysis.out_types(node), "a chosen file is a yes"


def test_pasted_nodes_are_as_suspicious_as_files(window, write, there) -> None:
    source = flow.load(write("csv:../there/x.csv"))
    text = flow.dumps(source).replace("../there", str(there))
    QApplication.clipboard().setText(text)
    with touched(there) as found:
        window.actions_.trigger("paste")
        window.grab()
    assert window.workspace.document.nodes and not found
    assert "OutsideData" in problems(window)


def test_weights_are_not_written_through_a_link(window, engine, write, there, tmp_path) -> None:
    path = write("spirals")
    doc = flow.load(path)
    commands.set_weights(doc, "w.safetensors")
    flow.save(doc)
    (path.parent / "w.safetensors").symlink_to(there / "x.csv")
    with touched(there) as found:
        window.files.open_path(path)
        window.link.has_trained = True
        assert window.files.save()
    assert not found and not any(isinstance(r, (p.SaveWeights, p.LoadWeights)) for r in engine.sent)
    assert "were not saved" in window.info.text
    assert f"weights    this file is outside the document's folder: {there / 'x.csv'}" in (
        problem_texts(window)
    )
    window.workspace.allow(there / "x.csv")
    assert isinstance(engine.sent[-1], p.LoadWeights)


@pytest.mark.thorough
def test_dropped_data_are_allowed(window, write, there) -> None:
    window.files.open_path(write("spirals"))
    window.own_data._add_dataset(there / "x.csv", QPointF(0, 0))
    assert "OutsideData" not in problems(window)


@pytest.mark.thorough
def test_a_record_that_is_lost_or_spoilt_asks_again(window, write, there, tmp_path) -> None:
    path = write("csv:../there/x.csv")
    window.files.open_path(path)
    window.workspace.allow(there)
    (record,) = (tmp_path / "state").rglob("consents/*.json")
    for spoilt in ("", "[]", '{"allowed": 7}', '{"allowed": [7]}', "\0"):
        record.write_text(spoilt)
        assert remembered(path) == ()
