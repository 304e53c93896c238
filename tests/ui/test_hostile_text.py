"""A file full of hostile text, in every view: shown as it is written, and nothing is loaded."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import shown_texts
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QPushButton, QWidget

from nodeflow.document.io import flow
from nodeflow.document.io.journal import Recoverable
from nodeflow.document.model.document import Document
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from nodeflow.ui.popups.dialogs.differences_dialog import DifferencesDialog
from nodeflow.ui.popups.dialogs.recovery_dialog import RecoveryDialog
from nodeflow.ui.popups.dialogs.versions_dialog import VersionsDialog
from tests.touched import touched

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key = Qt.Key
LONG = "EVIL" * 25_000
_connections: list[str] = []
_watching: list[bool] = []


def _on_event(event: str, arguments: tuple) -> None:
    if _watching and event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        _connections.append(f"{event} {arguments}")


@pytest.fixture
def network():
    """The connections that are asked for."""
    if not hasattr(sys, "_nodeflow_hostile"):
        sys.addaudithook(_on_event)
        sys._nodeflow_hostile = True
    _connections.clear()
    _watching.append(True)
    yield _connections
    _watching.clear()


@pytest.fixture
def evil(tmp_path) -> Path:
    """A folder that is opened if anything shows a picture of a file."""
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "EVIL.png").write_bytes(b"\x89PNG\r\n")
    return tmp_path / "evil"


def hostile(evil: Path) -> list[str]:
    image = f"<img src='file://{evil}/EVIL.png'>"
    return [
        image,
        f'<a href="http://192.0.2.1/EVIL">{image}x</a>',
        "&amp; EVIL &EVIL &lt;b&gt;",
        f"EVIL\nline\r\n\ttab\u2028{image}",
        f"\u202eEVIL\u202c \u2066{image}\u2069",
        f"EVIL\x01\x1b[31m\x7f\x85{image}",
        f"<b>EVIL</b> [*] %1 {{}} {image}",
        f"![x](file://{evil}/EVIL.png) [y](http://192.0.2.1/EVIL)",
        f"<html><style>*{{background:url(file://{evil}/EVIL.png)}}</style>EVIL{image}",
    ]


@pytest.fixture
def document(tmp_path, evil) -> Path:
    """A graph that trains, with hostile text wherever a file can have any."""
    texts = hostile(evil)
    header = [f'"{t}"'.replace("\n", " ").replace("\r", " ") for t in (texts[0], texts[2], "b")]
    rows = "".join(f'{i},{i % 3},"{texts[i % 2].replace(chr(34), "")}"\n' for i in range(30))
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "rows.csv").write_text(",".join(header) + "\n" + rows, encoding="utf-8")
    nodes, wires = [], []

    def node(op: str, name: str, **attrs) -> str:
        key, place = f"n{len(nodes) + 1}", [220 * (len(nodes) % 6), 200 * (len(nodes) // 6)]
        nodes.append({"id": key, "op": op, "name": name, "attrs": attrs, "pos": place})
        return key

    data = node("dataset", "data", source="csv:rows.csv", label_kind="class")
    x = node("placeholder", "x", shape=[None, 2])
    y = node("placeholder", "y", shape=[None], dtype="int64")
    w = node("variable", "w", shape=[2, 3])
    product = node("matmul", "prediction")
    loss = node("sparse_softmax_cross_entropy", "loss")
    mean = node("reduce_mean", "mean")
    train = node("gradient_descent", "train", learning_rate=0.01)
    wires += [
        [data, "features", x, "feed"], [data, "labels", y, "feed"], [x, "out", product, "x"],
        [w, "out", product, "y"], [product, "out", loss, "logits"], [y, "out", loss, "labels"],
        [loss, "out", mean, "x"], [mean, "out", train, "loss"],
    ]  # fmt: skip
    printed = node("print", "printed", message=texts[0])
    wires.append([product, "out", printed, "x"])
    for i, text in enumerate(texts):
        node(text[:900], f"unknown_{i}", **{text: text})
        node("constant", f"odd_{i}", value=text, **{text: [text, {text: text}]})
        node("dataset", f"data_{i}", source=f"csv:{text}")
        node("dataset", f"kind_{i}", source=text)
        node("assert_true", f"sure_{i}", message=text)
        wires.append([x, text[:900], nodes[-1]["id"], text[:900]])
    node("constant", "long", value=LONG, **{LONG: LONG})
    node("dataset", "far", source=f"csv:{LONG}")
    node("dataset", "away", source=f"csv:../{texts[4]}/x.csv")
    node("subgraph", "inner", subgraph="block")
    frames = [
        {"id": f"f{i + 1}", "title": text, "note": text, "color": text,
         "rect": [300 * i, 2600, 280, 160]}
        for i, text in enumerate([*texts, LONG])
    ]  # fmt: skip
    content = {
        "format": "nodeflow", "version": 1, "next_id": 10_000, "nodes": nodes, "wires": wires,
        "frames": frames,
        "subgraphs": {"block": {"title": texts[0], "doc": texts[1], "nodes": [], "wires": [],
                                "frames": []}},
        "training": {"epochs": 2, "batch_size": 8, "optimizer": train, texts[0]: texts[1]},
        texts[0]: texts[1],
    }  # fmt: skip
    path = folder / "<img src='EVIL.png'>&amp;&x[*]\u202e.flow"
    head = json.loads(flow.dumps(Document()))
    content |= {key: head[key] for key in ("format", "version")}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def checked(found: list[str], seen: set[str]) -> None:
    QApplication.processEvents()
    found += [fault for fault in shown_texts.faults() if fault not in found]
    seen.add(shown_texts.texts())
    # as an event loop does: what was shown before is not walked again at every step
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def visit(window, qtbot, found: list[str], seen: set[str]) -> None:
    """Shows everything that the window can show of the document."""
    canvas = window.canvas
    for name in window.docking.docks:
        window.docking.show(name)
        checked(found, seen)
    canvas.viewport.fit_all()
    window.grab()
    document = window.workspace.document
    for key in [*document.nodes, *document.frames]:
        canvas.selection.select([key])
        if key in document.nodes:
            place = canvas.viewport.node_rect(key).center().toPoint()
            QApplication.sendEvent(
                canvas, QHelpEvent(QEvent.Type.ToolTip, place, canvas.mapToGlobal(place))
            )
        checked(found, seen)
    window.grab()
    for kind in ("node", "dataset", "frame", "canvas"):
        window.context_menu.open(kind, QPoint(200, 200))
        checked(found, seen)
        QTest.keyClick(QApplication.activePopupWidget() or window, Key.Key_Escape)
    for action in ("find", "command_palette", "search", "list_subgraphs", "insert_library"):
        window.actions_.trigger(action)
        checked(found, seen)
        QTest.keyClicks(QApplication.focusWidget() or window, "e")
        checked(found, seen)
        QTest.keyClick(QApplication.focusWidget() or window, Key.Key_Escape)
    for menu in window.findChildren(QMenu):
        menu.aboutToShow.emit()
    checked(found, seen)


@pytest.mark.thorough
def test_every_view_shows_what_the_file_says_and_loads_nothing(
    live_window, document, evil, network, qtbot, monkeypatch
) -> None:
    window = live_window()
    found: list[str] = []
    seen: set[str] = set()
    with touched(evil) as opened:
        assert window.files.open_path(document)
        window.pages.show_canvas()
        checked(found, seen)
        visit(window, qtbot, found, seen)
        for name in ("data", "kind_0", "far"):
            window.own_data.show_rows(window.workspace.document.node_named(name).id)
            qtbot.waitUntil(lambda: not window.pages.dataset.progress.isVisible(), timeout=20_000)
            window.grab()
            checked(found, seen)
        window.pages.show_canvas()
        for action in ("run", "train"):
            window.actions_.trigger(action)
            QTest.qWait(300)
            qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60_000)
            for name in window.docking.docks:
                window.docking.show(name)
                window.grab()
                checked(found, seen)
        assert window.link.has_trained
        window.actions_.trigger("welcome")
        QTest.qWait(500)
        window.grab()
        checked(found, seen)
    assert not found, "\n".join(found)
    assert not opened and not network
    shown = "\n".join(seen)
    for text in hostile(evil)[:3]:
        assert text in shown or text.replace("&", "&&") in shown, "it was there to be seen"
    screen = window.screen().availableGeometry()
    assert window.minimumSizeHint().width() <= max(screen.width(), 1280)


@pytest.mark.thorough
def test_every_question_about_a_file_is_plain(window, evil, qtbot, monkeypatch) -> None:
    found: list[str] = []

    def shown(box) -> int:
        box.show()
        found.extend(shown_texts.faults())
        box.hide()
        return 0

    monkeypatch.setattr(confirmation_dialogs.QMessageBox, "exec", shown)
    for text in [*hostile(evil), LONG]:
        for ask in (
            confirmation_dialogs.ask_unsaved,
            confirmation_dialogs.ask_use_data,
            confirmation_dialogs.ask_open_elsewhere,
        ):
            ask(window, text)
        confirmation_dialogs.show_problem(window, f"{text} cannot be opened", ValueError(text))
    assert not found, "\n".join(found)


@pytest.mark.thorough
def test_dialogs_and_menus_about_files_are_plain(window, document, evil, qtbot, tmp_path) -> None:
    found: list[str] = []
    seen: set[str] = set()
    name = hostile(evil)[0]
    left = [Recoverable(tmp_path / "x.journal", tmp_path / t, 0.0, t) for t in hostile(evil)]
    with touched(evil) as opened:
        window.files.open_path(document)
        titles, shown = (name, LONG), window.workspace.root
        for dialog in (
            DifferencesDialog(window, Document(), shown, titles, window.themes.theme),
            VersionsDialog(window, name, [], None, 5, lambda _: None),
            RecoveryDialog(window, left),
        ):
            dialog.show()
            checked(found, seen)
            dialog.hide()
        odd = document.parent / "<img src='EVIL.png'>&x.csv"
        odd.write_bytes((document.parent / "rows.csv").read_bytes())
        for path in (document.parent / "rows.csv", odd):
            window.own_data.drop(path, QPoint(300, 300))
            checked(found, seen)
            window.own_data.menu.hide()
        window.own_data.open_path(odd)
        wizard = window.own_data.wizard
        qtbot.waitUntil(lambda: wizard.step == 0 and hasattr(wizard, "preview"), timeout=20_000)
        for _ in range(2):
            wizard.grab()
            checked(found, seen)
            QTest.keyClick(wizard.focusWidget() or wizard, Key.Key_Return)
            QTest.qWait(200)
        checked(found, seen)
        wizard.reject()
    assert not found, "\n".join(found)
    assert not opened and any("EVIL" in text for text in seen)


@pytest.mark.parametrize(
    "make",
    [
        lambda text: QLabel(text),
        lambda text: _tipped(text),
        lambda text: QPushButton("&EVIL"),
    ],
)
def test_the_walk_finds_what_is_not_plain(qtbot, evil, make) -> None:
    widget = make(hostile(evil)[0])
    qtbot.addWidget(widget)
    assert shown_texts.faults()


def _tipped(text: str) -> QWidget:
    widget = QWidget()
    widget.setToolTip(text)
    return widget
