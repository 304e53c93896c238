"""A window whose engine is stopped, holds Python's lock or is gone: it waits for nothing.

The engines are real processes, stopped with real signals.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from nodeflow.document.edit import commands
from nodeflow.host import protocol as p
from nodeflow.ui.controllers.engine.engine_notices import RESTART
from nodeflow.ui.core.engine_link.client_interface import engine_client
from nodeflow.ui.popups.dialogs import confirmation_dialogs

SECONDS = 60_000
"""Until what has to happen has happened, on a busy machine too."""
SLACK = 8.0
"""On top of the 2 seconds that are promised."""

HOLDS_THE_LOCK = """
import ctypes
import nodeflow

@nodeflow.op(infer="same as x")
def stuck(x):
    ctypes.PyDLL(None).sleep(1000)  # PyDLL keeps Python's lock
    return x
"""


@pytest.fixture
def real_window(open_window, qtbot, monkeypatch):
    """A window with an engine process, ready."""
    window = open_window(engine_client)
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=SECONDS)
    return window


def pid_of(window) -> int:
    return window.link.channel.client.pid


def stop(window) -> int:
    pid = pid_of(window)
    os.kill(pid, signal.SIGSTOP)
    return pid


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def value(window, name: str) -> str:
    node = window.workspace.document.node_named(name)
    shown = window.canvas.node_state.value_of(node.id)
    return shown.text if shown is not None else ""


def press(qtbot, window, fix: str) -> None:
    qtbot.mouseClick(window.info.choices[fix], Qt.MouseButton.LeftButton)


def wait_for_notice(qtbot, window) -> None:
    qtbot.waitUntil(lambda: "The engine is not answering" in window.info.text, timeout=SECONDS)


def add_constant(window, value: float) -> str:
    document = window.workspace.document
    return commands.add_node(document, "constant", (0, 0), name="c", attrs={"value": value})


def edit_much(window, node: str) -> float:
    """1200 edits, more than a pipe holds; the longest time that one took."""
    longest = 0.0
    for number in range(1200):
        started = time.monotonic()
        commands.set_attr(window.workspace.document, node, "value", float(number))
        window.link.live._ask()
        longest = max(longest, time.monotonic() - started)
    return longest


@pytest.mark.thorough
def test_edits_never_wait_for_a_stopped_engine_and_nothing_is_lost(real_window, qtbot):
    window = real_window
    node = add_constant(window, 1.0)
    qtbot.waitUntil(lambda: value(window, "c") == "1", timeout=SECONDS)
    pid = stop(window)
    assert edit_much(window, node) < 2 + SLACK, "an edit waits for the engine"
    wait_for_notice(qtbot, window)
    assert window.info.choices.keys() == {"", RESTART}
    assert "safe" in window.info.text and not window.info.isModal()
    assert "Not answering" in window.status.engine.text()
    os.kill(pid, signal.SIGCONT)
    qtbot.waitUntil(lambda: value(window, "c") == "1199", timeout=SECONDS)
    qtbot.waitUntil(lambda: window.info.isHidden(), timeout=SECONDS)
    assert pid_of(window) == pid and "Not answering" not in window.status.engine.text()


@pytest.mark.thorough
def test_restarting_a_stopped_engine_gives_the_new_one_everything(real_window, qtbot):
    window = real_window
    node = add_constant(window, 1.0)
    pid = stop(window)
    edit_much(window, node)
    wait_for_notice(qtbot, window)
    press(qtbot, window, RESTART)
    qtbot.waitUntil(lambda: value(window, "c") == "1199", timeout=SECONDS)
    assert is_gone(pid) and pid_of(window) != pid
    assert window.workspace.document.nodes[node].attrs["value"] == 1199.0
    assert window.info.isHidden()


@pytest.mark.thorough
def test_who_waits_is_asked_again(real_window, qtbot, monkeypatch):
    window = real_window
    window.engine_notices._again.setInterval(200)
    node = add_constant(window, 1.0)
    pid = stop(window)
    commands.set_attr(window.workspace.document, node, "value", 2.0)
    wait_for_notice(qtbot, window)
    press(qtbot, window, "")
    assert window.info.isHidden()
    wait_for_notice(qtbot, window)
    os.kill(pid, signal.SIGCONT)
    qtbot.waitUntil(lambda: value(window, "c") == "2", timeout=SECONDS)


@pytest.mark.thorough
def test_a_stopped_engine_is_no_news_while_nothing_is_asked(real_window, qtbot):
    window = real_window
    qtbot.waitUntil(lambda: not window.link.watch._timer.isActive(), timeout=SECONDS)
    pid = stop(window)
    qtbot.wait(4500)
    assert window.info.isHidden()
    os.kill(pid, signal.SIGCONT)


@pytest.mark.thorough
@pytest.mark.parametrize("stopping", (os.kill, os.killpg))
def test_the_window_closes_in_two_seconds_beside_a_stopped_engine(
    open_window, qtbot, stopping, settings
):
    window = open_window(engine_client)
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=SECONDS)
    node = add_constant(window, 1.0)
    pid = pid_of(window)
    stopping(pid, signal.SIGSTOP)
    edit_much(window, node)
    window.workspace.root.mark_saved()
    started = time.monotonic()
    assert window.close()
    assert time.monotonic() - started < 2 + SLACK
    qtbot.waitUntil(lambda: is_gone(pid), timeout=SECONDS)


@pytest.mark.thorough
def test_an_op_that_holds_the_lock_is_named(plugin_files, open_window, qtbot):
    (plugin_files / "stuck.py").write_text(HOLDS_THE_LOCK)
    window = open_window(engine_client)
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=SECONDS)
    document = window.workspace.document
    one = add_constant(window, 1.0)
    node = commands.add_node(document, "stuck", (0, 0), name="waits")
    commands.connect(document, one, "out", node, "x")
    wait_for_notice(qtbot, window)
    assert "while it computes waits (stuck, stuck.py, line 5)" in window.info.text
    pid = pid_of(window)
    commands.remove(document, [node])
    press(qtbot, window, RESTART)
    qtbot.waitUntil(lambda: value(window, "c") == "1", timeout=SECONDS)
    assert is_gone(pid)


@pytest.mark.thorough
def test_a_long_computation_is_not_silence(real_window, qtbot):
    window = real_window
    document = window.workspace.document
    count = commands.add_node(document, "range", (0, 0), attrs={"limit": 9_000_000})
    wide = commands.add_node(document, "cast", (0, 0), attrs={"dtype": "float64"})
    commands.connect(document, count, "out", wide, "x")
    for number in range(10):
        node = commands.add_node(document, "sin", (0, 0), name=f"long_{number}")
        commands.connect(document, wide, "out", node, "x")
        wide = node
    silent = []
    window.link.watch.changed.connect(silent.append)
    window.actions_.trigger("run")
    asked = window.run._run
    qtbot.waitUntil(lambda: window.run._run != asked, timeout=SECONDS)
    assert silent == []


@pytest.mark.thorough
def test_what_was_learned_comes_back_after_a_restart(real_window, qtbot, root):
    window = real_window
    from nodeflow.resources import example

    window.files.open_example(example("linear_regression"))
    commands.set_training(window.workspace.root, epochs=2)
    done = []
    window.link.done.connect(done.append)
    window.actions_.trigger("train")
    qtbot.waitUntil(lambda: window.files.weights.are_kept, timeout=SECONDS)
    learned = fetched(window, qtbot, "slope")
    stop(window)
    window.link.live.refresh_soon()
    wait_for_notice(qtbot, window)
    assert "variables will be restored" in window.info.text
    press(qtbot, window, RESTART)
    qtbot.waitUntil(lambda: any(isinstance(m, p.WeightsLoaded) for m in done), timeout=SECONDS)
    assert fetched(window, qtbot, "slope").tobytes() == learned.tobytes()
    assert window.link.has_trained and window.files.weights.is_unsaved


def fetched(window, qtbot, name: str):
    with qtbot.waitSignal(window.link.tensor, timeout=SECONDS) as answer:
        window.link.fetch(name)
    return answer.args[0].array


@pytest.mark.thorough
def test_weights_are_saved_from_their_copy_when_the_engine_does_not_answer(
    window, engine, qtbot, monkeypatch, tmp_path
):
    weights = window.files.weights
    add_constant(window, 1.0)
    window.link.train()
    engine.begin_training()
    engine.end_epoch(1, 0.5)
    engine.end_training()
    qtbot.waitUntil(lambda: weights.is_unsaved, timeout=SECONDS)
    kept = weights.journal.keep_weights()
    kept.write_bytes(b"as they were kept last")
    engine.pulse.stopped = True
    engine.computes = False
    window.link.live.refresh_soon()
    qtbot.waitUntil(lambda: window.link.watch.is_silent, timeout=SECONDS)
    target = tmp_path / "saved.safetensors"
    monkeypatch.setattr(
        confirmation_dialogs, "ask_unsaved_weights", lambda *_: confirmation_dialogs.SAVE
    )
    monkeypatch.setattr(weights, "_ask_path", lambda: target)
    assert weights.may_leave(), "nobody waits for the engine"
    assert target.read_bytes() == b"as they were kept last"
