"""Data files are read off the GUI thread: a slow one never holds the window."""

from __future__ import annotations

import sys
import threading

import pytest
from PySide6.QtCore import QPointF

from nodeflow.document.analysis.datasets import column_types, dataset_node
from nodeflow.document.edit import commands
from nodeflow.errors import DataError

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

_opened: list[tuple[str, int]] = []
_hooked = False


@pytest.fixture
def opened():
    """The files that are opened from now on: name and thread."""
    global _hooked
    if not _hooked:
        sys.addaudithook(
            lambda event, args: (
                _opened.append((str(args[0]), threading.get_ident()))
                if event == "open" and args[1] is not None  # else the same call, one level below
                else None
            )
        )
        _hooked = True
    _opened.clear()
    return _opened


@pytest.fixture
def slow(monkeypatch):
    """Reading columns takes until the event is set, and the window waits for no moment."""
    gate = threading.Event()
    read = dataset_node.dataset_columns

    def waiting(*args, **kwargs):
        assert gate.wait(30)
        return read(*args, **kwargs)

    monkeypatch.setattr(dataset_node, "dataset_columns", waiting)
    monkeypatch.setattr(column_types, "PATIENCE_SECONDS", 0.0)
    yield gate
    gate.set()


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b,city\n" + "".join(f"{n},{n}.5,{'xyz'[n % 3]}\n" for n in range(90)))
    return path


@pytest.mark.thorough
def test_a_data_set_that_is_read_slowly_holds_nothing_and_gets_its_placeholders(
    window, qtbot, slow, table, opened
):
    document = window.workspace.document
    window.workspace.allow_source(f"csv:{table}")
    node = window.canvas.edits.add_node("dataset", QPointF(0, 0), {"source": f"csv:{table}"})
    window.canvas.grab()
    (found,) = window.workspace.analysis.problems_of(node)
    assert (found.severity, found.kind) == ("info", "StillReading")
    assert not document.wires_out_of(node)
    slow.set()
    qtbot.waitUntil(lambda: len(document.wires_out_of(node)) == 2, timeout=30_000)
    assert not window.workspace.analysis.problems_of(node)
    names = {document.nodes[wire.target].name for wire in document.wires_out_of(node)}
    assert names == {"features", "labels"}
    here = [path for path, thread in opened if thread == threading.get_ident()]
    assert str(table) in {path for path, _ in opened} and str(table) not in here


@pytest.mark.thorough
def test_no_table_is_opened_on_the_gui_thread_by_opening_a_file(window, qtbot, table, opened):
    document = window.workspace.document
    node = commands.add_node(document, "dataset", (0, 0), attrs={"source": f"csv:{table}"})
    from nodeflow.document.io import flow

    path = table.parent / "graph.flow"
    flow.save(document, path)
    table.write_text(table.read_text() + "1,2,x\n")
    opened.clear()
    window.files.load(path)
    window.canvas.selection.select([node])
    window.grab()
    qtbot.waitUntil(lambda: bool(window.workspace.analysis.out_types(node)), timeout=30_000)
    assert {thread for name, thread in opened if name == str(table)} - {threading.get_ident()}
    assert threading.get_ident() not in {t for name, t in opened if name == str(table)}


def test_a_file_that_cannot_be_read_is_read_once(window, qtbot, slow, tmp_path, opened):
    path = tmp_path / "bad.npz"
    path.write_bytes(b"PK\3\4 nothing")
    opened.clear()
    window.workspace.allow_source(f"npz:{path}")
    node = window.canvas.edits.add_node("dataset", QPointF(0, 0), {"source": f"npz:{path}"})
    slow.set()
    analysis = window.workspace.analysis
    qtbot.waitUntil(lambda: analysis.problems_of(node)[0].kind == "DataFormatError", timeout=30_000)
    for _ in range(3):
        window.canvas.grab()
        window.workspace.reanalyse()
    assert len([name for name, _ in opened if name == str(path)]) == 1


@pytest.mark.thorough
def test_data_that_are_attached_are_waited_for_without_holding_the_window(
    window, qtbot, slow, table
):
    document = window.workspace.document
    commands.add_node(document, "placeholder", (400, 0), "x", {"shape": [None, 2]})
    qtbot.waitUntil(lambda: window.shown_values.waiting_for == ("x",))
    window.workspace.allow_source(f"csv:{table}")
    window.attach_data.attach(f"csv:{table}")
    assert len(document.nodes) == 1
    slow.set()
    qtbot.waitUntil(lambda: len(document.nodes) == 2, timeout=30_000)
    assert document.wires[document.node_named("x").id, "feed"].source_port == "features"


def test_the_errors_of_a_file_are_remembered_where_nobody_waits_and_raised_anew():
    types = column_types.ColumnTypes()
    came = threading.Event()
    types.read_apart(came.set)
    first = DataError("bad", hint="Mend it.")
    calls = []

    def read():
        calls.append(threading.get_ident())
        raise first

    for _ in range(3):
        with pytest.raises(DataError, match="bad") as caught:
            types.get("key", read)
        assert caught.value is not first and caught.value.hint == "Mend it."
    assert len(calls) == 1 and calls[0] != threading.get_ident()
    types.read_apart(None)
    with pytest.raises(DataError):
        types.get("other", read)
    assert calls[1] == threading.get_ident()
