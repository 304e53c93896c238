"""The same errors as in `tests/test_surfaces.py`, as the window tells them."""

from __future__ import annotations

import re

import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.errors import NodeflowError
from nodeflow.host import protocol as p

ELSEWHERE = re.compile(r"session|--\w|\bnf\.|feed_dict|control_dependencies|nodeflow (run|data)")


def texts(window) -> str:
    """All that the window says about problems."""
    problems = window.panels["problems"].list
    rows = [problems.item(i).text() for i in range(problems.count())]
    status = window.status.waiting
    return "\n".join([window.info.text, *rows, status.text(), status.toolTip()])


def make_feed(document) -> None:
    x = commands.add_node(document, "placeholder", (0, 0), "x", {"shape": [None, 2]})
    y = commands.add_node(document, "negative", (200, 0), "y")
    commands.connect(document, x, "out", y, "x")


def make_order(document) -> None:
    v = commands.add_node(document, "variable", (0, 0), "v")
    one = commands.add_node(document, "constant", (0, 100), "c")
    for name in ("one", "two"):
        node = commands.add_node(document, "assign", (200, 0), name)
        commands.connect(document, v, "out", node, document_port(node, document, 0))
        commands.connect(document, one, "out", node, document_port(node, document, 1))


def document_port(node: str, document, index: int) -> str:
    from nodeflow.document.analysis.wiring.shown_ports import in_ports

    return in_ports(document, document.nodes[node])[index].name


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("make", "fetches", "says"),
    [
        (make_feed, ["y"], "Connect a dataset to its feed port, or set its sample value."),
        (make_order, ["one", "two"], "Draw a wire from the done port of one to the other."),
    ],
)
def test_an_error_of_a_run_speaks_of_the_window(window, engine, qtbot, make, fetches, says):
    make(window.workspace.document)
    task = Task(flow.loads(flow.dumps(window.workspace.document)))
    with pytest.raises(NodeflowError) as caught:
        nf.Session(task.graph).run(fetches)
    engine.computes = False
    window.actions_.trigger("run")
    request = engine.requests(p.Evaluate)[-1]
    engine.on_message(p.Failed(request.request, "Evaluate", p.ErrorData.of(caught.value)))
    qtbot.waitUntil(lambda: says in window.info.text)
    assert not ELSEWHERE.search(texts(window)), texts(window)


@pytest.mark.thorough
def test_a_placeholder_without_data_is_told_in_the_windows_terms(window, qtbot):
    make_feed(window.workspace.document)
    qtbot.waitUntil(lambda: window.status.waiting.text() != "")
    assert window.status.waiting.text() == "x has no data yet"
    said = texts(window)
    assert "Connect a dataset to its feed port, or set its sample value." in said
    assert not ELSEWHERE.search(said), said


@pytest.mark.thorough
def test_the_notice_of_sample_data_leaves_the_download_to_its_button(window, qtbot):
    from nodeflow.data.catalog import open_dataset

    notice = open_dataset("mnist").notice
    assert notice is None or "nodeflow data fetch mnist" in notice
    if notice is None:
        pytest.skip("the full set is here")
    panel = window.panels["training"]
    panel.show_notices((notice,))
    window.status.show_notices((notice,))
    for text in (panel.notice_text.text(), window.status.notice.toolTip()):
        assert "5 000 MNIST images" in text and not ELSEWHERE.search(text)
    assert panel.download_button.isVisibleTo(panel.notice)


def test_a_data_file_opened_as_a_graph_says_what_it_is(window, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(
        "nodeflow.ui.popups.dialogs.confirmation_dialogs.QMessageBox.exec",
        lambda box: shown.append(f"{box.text()} {box.informativeText()}"),
    )
    path = tmp_path / "houses.csv"
    path.write_text("rooms,price\n3,100\n")
    assert not window.files.load(path)
    assert "data file" in shown[0]
    assert not ELSEWHERE.search(shown[0])
