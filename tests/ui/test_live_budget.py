"""Live values that would take too much, in the window."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from nodeflow.document.edit import commands
from nodeflow.host import protocol as p
from nodeflow.ui.core.engine_link.client_interface import engine_client

SECONDS = 60_000
SLEEPY = """
import time
import nodeflow

@nodeflow.op(infer="same as x")
def sleepy(x):
    time.sleep(1000)
    return x
"""


def add(window, op: str, name: str, **attrs) -> str:
    return commands.add_node(window.workspace.document, op, (0, 0), name=name, attrs=attrs)


def value(window, node: str) -> tuple[str, str]:
    shown = window.canvas.node_state.value_of(node)
    return (shown.kind, shown.text) if shown is not None else ("", "")


@pytest.mark.thorough
def test_a_large_fill_says_press_run_at_its_node_at_once(open_window, qtbot):
    window = open_window(engine_client)
    big = add(window, "fill", "big", shape=[30000, 30000], value=1.0)
    small = add(window, "constant", "small", value=2.0)
    wanted = ("deferred", "3.6 GB: press Run to compute")
    qtbot.waitUntil(lambda: value(window, big) == wanted, timeout=SECONDS)
    qtbot.waitUntil(lambda: value(window, small) == ("scalar", "2"), timeout=SECONDS)
    assert window.info.isHidden()
    assert window.problem_list.count("error") == 0


@pytest.mark.thorough
def test_an_op_that_takes_too_long_says_press_run_and_edits_go_on(
    plugin_files, open_window, qtbot, settings
):
    (plugin_files / "sleepy.py").write_text(SLEEPY)
    settings.set_live(256, 0.5)
    window = open_window(engine_client)
    small = add(window, "constant", "small", value=2.0)
    slow = add(window, "sleepy", "slow")
    commands.connect(window.workspace.document, small, "out", slow, "x")
    wanted = ("deferred", "takes longer than 0.5 s: press Run to compute")
    qtbot.waitUntil(lambda: value(window, slow) == wanted, timeout=SECONDS)
    commands.set_attr(window.workspace.document, small, "value", 3.0)
    qtbot.waitUntil(lambda: value(window, small) == ("scalar", "3"), timeout=SECONDS)
    assert value(window, slow) == wanted and window.info.isHidden()


def test_the_user_sets_what_live_values_may_take(window, engine, qtbot, settings):
    assert engine.requests(p.SetBudget)[-1] == p.SetBudget(256_000_000, 2.0)
    window.actions_.trigger("live_values")
    (dialog,) = (w for w in QApplication.topLevelWidgets() if w.objectName() == "liveValues")
    dialog.megabytes.setValue(1000)
    dialog.seconds.setValue(5.0)
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert engine.requests(p.SetBudget)[-1] == p.SetBudget(1_000_000_000, 5.0)
    assert (settings.live_megabytes, settings.live_seconds) == (1000, 5.0)
    from fake_engine import FakeClient

    window.link.restart()
    assert FakeClient.made[-1].requests(p.SetBudget) == [p.SetBudget(1_000_000_000, 5.0)]
