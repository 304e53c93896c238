"""Own ops that end their process, at import or in a call: the window only says so.

The engines are real processes, and so are those that try the ops.
"""

from __future__ import annotations

from functools import partial

import pytest
from PySide6.QtCore import Qt

from nodeflow.document.edit import commands
from nodeflow.graph.registry import REGISTRY
from nodeflow.host import protocol as p
from nodeflow.host.own_ops.probe_client import ProbeClient
from nodeflow.ops.user import PLUGINS
from nodeflow.ui.controllers.engine.engine_notices import RESTART, SAFE
from nodeflow.ui.core.engine_link.client_interface import engine_client

SECONDS = 120_000
GOOD = """
import nodeflow

@nodeflow.op
def good(x):
    return x + 1
"""
IN_A_CALL = """
import ctypes, os, nodeflow

@nodeflow.op
def bad(x):
    {text}
    return x
"""
ENDS = ("os._exit(3)", "ctypes.string_at(0)", "ctypes.PyDLL(None).sleep(1000)")
ON_42 = "if x.size and x.flat[0] == 42: os._exit(5)"


def add(window, op: str, name: str, source: str = "", **attrs) -> str:
    document = window.workspace.document
    node = commands.add_node(document, op, (0, 0), name=name, attrs=attrs)
    if source:
        commands.connect(document, document.node_named(source).id, "out", node, "x")
    return node


def value(window, node: str) -> str:
    shown = window.canvas.node_state.value_of(node)
    return shown.text if shown is not None else ""


def problem_of(window, node: str) -> str:
    scene = window.canvas.scene
    return scene.card(scene.nodes.get(node)).problem


@pytest.mark.thorough
@pytest.mark.parametrize("text", ENDS)
def test_a_file_that_ends_its_process_is_a_problem_and_no_more(
    plugin_files, open_window, qtbot, text, monkeypatch
):
    quick = partial(ProbeClient, import_seconds=5.0)
    monkeypatch.setattr("nodeflow.ui.controllers.engine.plugin_watcher.ProbeClient", quick)
    (plugin_files / "bad.py").write_text(f"import ctypes, os\n{text}\n")
    (plugin_files / "good.py").write_text(GOOD)
    window = open_window(engine_client)
    died = []
    window.link.died.connect(lambda *_: died.append(1))
    add(window, "constant", "one", value=1.0)
    node = add(window, "good", "two", "one")
    qtbot.waitUntil(lambda: value(window, node) == "2", timeout=SECONDS)
    (problem,) = window.plugins.problems()
    assert (
        problem.file == "bad.py" and "process" in problem.message
    ) or "longer" in problem.message
    assert window.link.state == "idle" and died == []


@pytest.mark.thorough
@pytest.mark.parametrize("text", ENDS)
def test_a_call_that_ends_its_process_is_a_problem_of_its_node(
    plugin_files, open_window, qtbot, text
):
    (plugin_files / "bad.py").write_text(IN_A_CALL.format(text=text))
    window = open_window(engine_client)
    died = []
    window.link.died.connect(lambda *_: died.append(1))
    one = add(window, "constant", "one", value=1.0)
    node = add(window, "bad", "worse", "one")
    said = "longer than" if "sleep" in text else "ends its process"
    qtbot.waitUntil(lambda: said in problem_of(window, node), timeout=SECONDS)
    commands.set_attr(window.workspace.document, one, "value", 3.0)
    qtbot.waitUntil(lambda: value(window, one) == "3", timeout=SECONDS)
    assert died == [] and window.link.state == "idle"


@pytest.mark.thorough
def test_types_that_come_late_are_shown_when_they_come(plugin_files, open_window, qtbot):
    slow = IN_A_CALL.format(text="import time; time.sleep(0.4)")
    (plugin_files / "bad.py").write_text(slow)
    window = open_window(engine_client)
    add(window, "constant", "one", value=1.0)
    node = add(window, "bad", "late", "one")
    assert "takes a moment" in problem_of(window, node)
    qtbot.waitUntil(lambda: problem_of(window, node) == "", timeout=SECONDS)
    qtbot.waitUntil(lambda: value(window, node) == "1", timeout=SECONDS)


@pytest.mark.thorough
def test_after_two_crashes_a_start_without_own_ops_is_offered(plugin_files, open_window, qtbot):
    (plugin_files / "bad.py").write_text(IN_A_CALL.format(text=ON_42))
    window = open_window(engine_client)
    one = add(window, "constant", "one", value=1.0)
    node = add(window, "bad", "worse", "one")
    qtbot.waitUntil(lambda: value(window, node) == "1", timeout=SECONDS)
    commands.set_attr(window.workspace.document, one, "value", 42.0)
    qtbot.waitUntil(lambda: "worse (bad, bad.py, line 4)" in window.info.text, timeout=SECONDS)
    assert "while it computed worse" in window.info.text
    qtbot.waitUntil(lambda: SAFE in window.info.choices, timeout=SECONDS)
    qtbot.waitUntil(lambda: RESTART in window.info.choices, timeout=SECONDS)  # it stops at three
    before = window.workspace.document.digest()
    qtbot.mouseClick(window.info.choices[SAFE], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: value(window, one) == "42", timeout=SECONDS)
    assert window.plugins.is_safe and "bad" not in REGISTRY
    assert window.workspace.document.digest() == before, "its nodes stay"
    assert "disabled" in window.info.text
    (plugin_files / "bad.py").write_text(IN_A_CALL.format(text="pass"))
    qtbot.wait(500)
    assert PLUGINS.ops == [], "not loaded before the user says so"
    qtbot.mouseClick(window.info.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: value(window, node) == "42", timeout=SECONDS)


@pytest.mark.thorough
def test_a_safe_start_runs_no_file(plugin_files, qtbot, settings, tmp_path, monkeypatch):
    from fake_engine import FakeClient

    from nodeflow.ui.app import make_window

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    mark = tmp_path / "it_ran"
    (plugin_files / "bad.py").write_text(f"open({str(mark)!r}, 'w')\n")
    FakeClient.made.clear()
    window = make_window(settings, factory=FakeClient, safe=True)
    window.link.start()
    qtbot.wait(300)
    assert window.plugins.is_safe and not window.plugins.is_loading
    assert FakeClient.made[-1].requests(p.LoadPlugins) == [] and not mark.exists()
    assert window.actions_.spec("safe_start") and window.engine_notices._safe_blocked() is not None
    window.engine_notices.show_safe_start()
    assert "disabled" in window.info.text and window.info.button.text() == "Load own ops"
    window.actions_.trigger("reload_plugins")
    qtbot.waitUntil(lambda: mark.exists(), timeout=SECONDS)
    qtbot.waitUntil(lambda: not window.plugins.is_loading, timeout=SECONDS)
    window.close()
    window.deleteLater()
