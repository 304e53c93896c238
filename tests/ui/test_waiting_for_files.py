"""The window lives while files are read and written, however long that takes."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox

from nodeflow.document.edit import commands
from nodeflow.document.io import flow, known_file
from nodeflow.document.model.document import Document
from nodeflow.host import protocol as p
from nodeflow.ui.controllers.files import open_in_background, shared_file
from nodeflow.ui.core.concurrency import garbage_collection
from nodeflow.ui.popups import waiting_window
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from nodeflow.ui.popups.waiting_window import GivenUp, Waiting

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
BEATS = 30
PATIENCE_S = 15.0


@pytest.fixture(autouse=True)
def no_grace(monkeypatch):
    monkeypatch.setattr(waiting_window, "GRACE_S", 0.0)
    monkeypatch.setattr(waiting_window, "MOMENT_MS", 20)


@pytest.fixture
def path(tmp_path) -> Path:
    document = Document()
    before = commands.add_node(document, "constant", (0, 0), "a")
    for number in range(9):
        node = commands.add_node(document, "add", (200 * number, 200), f"add_{number}")
        commands.connect(document, before, "out", node, "x")
        commands.connect(document, before, "out", node, "y")
        before = node
    flow.save(document, tmp_path / "chain.flow")
    return tmp_path / "chain.flow"


class SlowDisk:
    """Holds a function in the thread that calls it, until it is let go."""

    def __init__(self, function: Callable) -> None:
        self._function = function
        self._free = threading.Event()
        self.threads: list[threading.Thread] = []

    def __call__(self, *args, **more):
        self.threads.append(threading.current_thread())
        assert self._free.wait(PATIENCE_S), "nothing else happened meanwhile"
        return self._function(*args, **more)

    def let_go(self) -> None:
        self._free.set()


@pytest.fixture
def slow(monkeypatch):
    """Makes a function of a module slow; all are let go at the end."""
    made: list[SlowDisk] = []

    def make(module, name: str) -> SlowDisk:
        disk = SlowDisk(getattr(module, name))
        monkeypatch.setattr(module, name, disk)
        made.append(disk)
        return disk

    yield make
    for disk in made:
        disk.let_go()
        for thread in disk.threads:
            if thread is not threading.main_thread():
                thread.join(PATIENCE_S)


class Heart(QTimer):
    """Beats while events are handled; after so many beats something is done, once."""

    def __init__(self, act: Callable[[], object], beats: int = BEATS) -> None:
        super().__init__(interval=2)
        self.count = 0
        self._act, self._beats = act, beats
        self.timeout.connect(self._beat)
        self.start()

    def _beat(self) -> None:
        self.count += 1
        if self.count == self._beats:
            self._act()


def shown() -> Waiting:
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, Waiting)
    return dialog


def press_cancel() -> None:
    box = shown().findChild(QDialogButtonBox)
    QTest.mouseClick(box.button(QDialogButtonBox.StandardButton.Cancel), Qt.MouseButton.LeftButton)


def is_off_the_gui_thread(disk: SlowDisk) -> bool:
    return bool(disk.threads) and threading.main_thread() not in disk.threads


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("module", "name"),
    [(flow, "_load"), (known_file, "digest_of"), (open_in_background, "Analysis")],
)
def test_events_are_handled_while_a_file_is_opened(window, path, slow, module, name):
    disk = slow(module, name)
    heart = Heart(disk.let_go)
    assert window.files.load(path)
    assert heart.count >= BEATS
    assert is_off_the_gui_thread(disk)
    assert len(window.workspace.root.nodes) == 10 and window.workspace.root.path == path


@pytest.mark.thorough
def test_what_takes_longer_than_a_moment_is_given_up_by_cancel(window, path, slow, settings):
    disk = slow(flow, "_load")
    before = window.workspace.root
    commands.add_node(before, "constant", (0, 0), "mine")
    heart = Heart(press_cancel)
    assert not window.files.load(path)
    assert heart.count >= BEATS
    disk.let_go()
    disk.threads[0].join(PATIENCE_S)
    QTest.qWait(20)
    assert window.workspace.root is before and before.node_named("mine")
    assert path not in settings.recent_files()
    before.mark_saved()
    assert window.files.load(path) and len(window.workspace.root.nodes) == 10


def test_reading_that_was_given_up_ends_soon(window, path, slow, monkeypatch):
    """The thread does not read the rest, nor look for types."""
    disk = slow(flow, "_load")
    analysed = []
    monkeypatch.setattr(open_in_background, "Analysis", lambda document: analysed.append(document))
    monkeypatch.setattr(flow, "OFTEN", 1)
    heart = Heart(press_cancel)
    assert not window.files.load(path)
    assert heart.count >= BEATS
    disk.let_go()
    disk.threads[0].join(PATIENCE_S)
    assert not disk.threads[0].is_alive() and not analysed


@pytest.mark.thorough
def test_nothing_is_edited_while_a_file_is_opened(window, path, slow):
    disk = slow(flow, "_load")
    document = window.workspace.root
    commands.add_node(document, "constant", (0, 0), "mine")
    window.canvas.selection.select(list(document.nodes))
    document.mark_saved()
    revision = document.revision

    def attack() -> None:
        shown()
        QTest.keyClick(window.windowHandle(), Qt.Key.Key_Delete)
        QTest.keyClick(window.windowHandle(), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        QTest.mouseClick(window.windowHandle(), Qt.MouseButton.LeftButton)
        assert document.revision == revision
        disk.let_go()

    heart = Heart(attack)
    assert window.files.load(path)
    assert heart.count >= BEATS
    assert document.revision == revision


@pytest.mark.thorough
def test_an_edit_that_something_else_made_meanwhile_is_not_lost(window, path, slow, monkeypatch):
    disk = slow(flow, "_load")
    before = window.workspace.root

    def edit() -> None:
        commands.add_node(before, "constant", (0, 0), "late")
        disk.let_go()

    asked = []
    monkeypatch.setattr(
        confirmation_dialogs,
        "ask_unsaved",
        lambda *_: asked.append(1) or confirmation_dialogs.CANCEL,
    )
    heart = Heart(edit)
    assert not window.files.load(path)
    assert heart.count >= BEATS
    assert asked and window.workspace.root is before


@pytest.mark.thorough
def test_a_window_closes_while_a_file_is_opened(window, path, slow):
    disk = slow(flow, "_load")
    before = window.workspace.root
    heart = Heart(window.close)
    assert not window.files.load(path)
    assert heart.count >= BEATS
    assert not window.isVisible() and window.workspace.root is before
    disk.let_go()
    disk.threads[0].join(PATIENCE_S)
    QTest.qWait(20)


@pytest.mark.thorough
def test_an_error_of_the_thread_is_shown(window, path, monkeypatch):
    seen = []
    monkeypatch.setattr(confirmation_dialogs, "show_problem", lambda *args: seen.append(args[1:]))
    path.write_text("{")
    assert not window.files.load(path)
    assert "cannot be opened" in seen[0][0] and "ends too early" in str(seen[0][1])


# ---- large documents ----------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_large_document_is_drawn_in_slices_as_it_is_at_once(window, path, monkeypatch):
    assert window.files.load(path)
    scene = window.canvas.scene
    used, ends, _ = scene._wire_places()
    once = dict(zip(map(scene.wires.slots.key, used.tolist()), ends.tolist(), strict=True))
    sizes = scene.card_sizes()
    monkeypatch.setattr(open_in_background, "MANY_NODES", 5)
    monkeypatch.setattr("nodeflow.ui.canvas.scene.scene_model.SLICE", 2)
    slices = []
    in_slices = Waiting.in_slices

    def counted(self, steps):
        in_slices(self, (slices.append(share) or share for share in steps))

    monkeypatch.setattr(Waiting, "in_slices", counted)
    at_once = []
    remake = type(scene)._make_cards
    monkeypatch.setattr(
        type(scene), "_make_cards", lambda self, s: at_once.append(len(s)) or remake(self, s)
    )
    assert window.files.load(path)
    assert len(slices) == 10 and slices == sorted(slices) and slices[-1] < 1
    assert max(at_once) == 2, "never all"
    used, ends, _ = scene._wire_places()
    assert once == dict(zip(map(scene.wires.slots.key, used.tolist()), ends.tolist(), strict=True))
    assert scene.card_sizes() == sizes
    document = window.workspace.root
    node = commands.add_node(document, "relu", (0, 400), "late")
    commands.connect(document, next(iter(document.nodes)), "out", node, "x")
    commands.move(document, {node: (10, 500)})
    assert len(scene.card_sizes()) == 11 and (node, "x") in scene.wires.slots
    assert np.allclose(scene.positions[scene.nodes.get(node)], (10, 500))
    document.undo()
    document.mark_saved()


def test_the_engine_gets_the_text_that_the_thread_made(window, engine, path, monkeypatch):
    monkeypatch.setattr(open_in_background, "MANY_NODES", 5)
    texts = []
    dumps = flow.dumps

    def watched(document):
        texts.append(threading.current_thread() is threading.main_thread())
        return dumps(document)

    monkeypatch.setattr(flow, "dumps", watched)
    assert window.files.load(path)
    sent = engine.requests(p.SyncDocument)
    assert texts == [False] and sent[-1].text == dumps(window.workspace.root)


# ---- saving -------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["write_atomically", "digest_of_bytes"])
def test_events_are_handled_while_a_file_is_saved(window, path, slow, name):
    assert window.files.load(path)
    commands.add_node(window.workspace.root, "constant", (0, 0), "mine")
    disk = slow(shared_file, name)
    heart = Heart(disk.let_go)
    assert window.files.save()
    assert heart.count >= BEATS and is_off_the_gui_thread(disk)
    assert not window.workspace.root.is_modified and flow.load(path).node_named("mine")


def test_the_text_of_a_large_document_is_made_by_a_thread(window, path, slow, monkeypatch):
    monkeypatch.setattr(shared_file, "MANY_NODES", 5)
    assert window.files.load(path)
    commands.add_node(window.workspace.root, "constant", (0, 0), "mine")
    disk = slow(flow, "dumps")
    heart = Heart(disk.let_go)
    assert window.files.save()
    assert heart.count >= BEATS and disk.threads[0] is not threading.main_thread()
    assert not window.workspace.root.is_modified and flow.load(path).node_named("mine")


@pytest.mark.thorough
@pytest.mark.parametrize("error", [None, RuntimeError("dictionary changed size")])
def test_a_save_writes_one_state_though_the_document_changes(
    window, path, slow, monkeypatch, error
):
    monkeypatch.setattr(shared_file, "MANY_NODES", 5)
    assert window.files.load(path)
    document, whole = window.workspace.root, flow.dumps

    def dumps(document: Document) -> str:
        text = whole(document)  # what it was before the edit
        if threading.current_thread() is not threading.main_thread():
            edited.wait(PATIENCE_S)
            if error is not None:
                raise error
        return text

    def edit() -> None:
        commands.add_node(document, "constant", (0, 0), "late")
        edited.set()

    edited = threading.Event()
    monkeypatch.setattr(flow, "dumps", dumps)
    heart = Heart(edit)
    assert window.files.save()
    assert heart.count >= BEATS and edited.is_set()
    assert not document.is_modified and flow.load(path).node_named("late")


@pytest.mark.thorough
def test_a_disk_that_hangs_leaves_the_document_as_unsaved_as_it_was(window, path, slow):
    assert window.files.load(path)
    commands.add_node(window.workspace.root, "constant", (0, 0), "mine")
    disk = slow(shared_file, "write_atomically")
    heart = Heart(press_cancel)
    assert not window.files.save()
    assert heart.count >= BEATS
    assert window.workspace.root.is_modified and window.workspace.root.node_named("mine")
    assert not flow.load(path).node_named("mine")
    disk.let_go()
    disk.threads[0].join(PATIENCE_S)
    window.workspace.root.mark_saved()


@pytest.mark.thorough
def test_an_edit_while_a_file_is_saved_is_not_called_saved(window, path, slow):
    assert window.files.load(path)
    commands.add_node(window.workspace.root, "constant", (0, 0), "mine")
    disk = slow(shared_file, "write_atomically")

    def edit() -> None:
        commands.add_node(window.workspace.root, "constant", (0, 0), "late")
        disk.let_go()

    heart = Heart(edit)
    assert window.files.save()
    assert heart.count >= BEATS
    assert window.workspace.root.is_modified and not flow.load(path).node_named("late")
    window.workspace.root.mark_saved()


# ---- the dialog ---------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_part_after_cancel_is_not_begun(window):
    begun = []
    with Waiting(window, "Two parts…") as wait:
        wait.reject()
        with pytest.raises(GivenUp):
            wait.in_slices(iter([0.5]))
        with pytest.raises(GivenUp):
            wait.apart(lambda progress: begun.append(progress))
    assert not begun


@pytest.mark.thorough
def test_what_a_slice_raises_is_raised(window):
    def steps():
        yield 0.5
        raise ValueError("wrong")

    with Waiting(window, "Wrong…") as wait, pytest.raises(ValueError, match="wrong"):
        wait.in_slices(steps())


# ---- afterwards ---------------------------------------------------------------------------------


@pytest.fixture
def collector(qapp):
    """That of the application, which checks only when a test says so."""
    found = qapp.findChild(garbage_collection.Collector)
    found._timer.stop()
    yield found
    found._timer.start()


@pytest.mark.thorough
def test_a_document_that_was_closed_is_freed_soon(window, path, collector, monkeypatch):
    given_back = []
    monkeypatch.setattr(garbage_collection, "give_back", lambda: given_back.append(True))
    assert window.files.load(path)
    closed = weakref.ref(window.workspace.root)
    window.files.begin_empty()
    QTest.qWait(1)
    for _ in range(garbage_collection.CLEAR_UP):
        assert not given_back
        collector.check()
    assert given_back and closed() is None
