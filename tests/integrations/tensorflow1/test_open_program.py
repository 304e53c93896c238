"""``nodeflow open-program``: the graph that a program leaves, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nodeflow as nf
from nodeflow.cli.commands.models import open_program
from nodeflow.errors import NodeflowError
from nodeflow.integrations.tensorflow1.runner.run_program import command
from nodeflow.ui.controllers.files.open_in_background import read_graph
from nodeflow.ui.core.file_kinds import FileKind, kind_of

BUILD = """\
import sys
import tensorflow as tf

x = tf.placeholder(tf.float32, [None, 3], name="x")
y = tf.reduce_sum(tf.layers.dense(x, 2, name="layer"), name="y")
"""
ENDS = {
    "print(sys.argv[1:])": (0, "['--steps', '3']\n", ""),
    "sys.exit(4)": (4, "", ""),
    "sys.exit('no data')": (1, "", "no data\n"),
    "tf.app.run(lambda rest: print(rest[1:]))": (0, "['--steps', '3']\n", ""),
    "raise ValueError('broken')": (1, "", "ValueError: broken\n"),
    "tf.Session().run(y)": (1, "", "MissingFeed"),
}
IN_A_BLOCK = """\
import tensorflow as tf

def main(_):
    with tf.Graph().as_default(), tf.Session():
        x = tf.placeholder(tf.float32, [None, 3], name="x")
        tf.reduce_sum(tf.layers.dense(x, 2, name="layer"), name="y")
        raise KeyError("in the block")

tf.app.run()
"""
WINDOW = """\
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from nodeflow.cli.main import main
from nodeflow.ui import app
from nodeflow.ui.window.main_window import MainWindow

def look():
    window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow))
    root = window.workspace.root
    if root.nodes:
        print(window.windowTitle(), sorted(root.names), root.path, root.is_modified, flush=True)
        QApplication.exit(7)

def on_painted():
    timer.timeout.connect(look)
    timer.start(20)

shown, timer = app.run, None
def run(path, **options):
    global timer
    app.make_application()
    timer = QTimer()
    return shown(path, on_painted, **options)

app.run = run
sys.exit(main(["open-program", *sys.argv[1:]]))
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return tmp_path / "net.py"


def left(program: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    words = command(program, ["--steps", "3"], target)
    return subprocess.run(words, capture_output=True, text=True)


def names(path: Path) -> set[str]:
    return {node.name for node in nf.load(path).nodes if node.derived_from is None}


@pytest.mark.sample(2)
@pytest.mark.parametrize("end", ENDS)
def test_it_leaves_its_default_graph(program: Path, end: str, tmp_path: Path) -> None:
    program.write_text(f"{BUILD}{end}\n")
    done = left(program, tmp_path / "graph.flow")
    code, out, err = ENDS[end]
    assert (done.returncode, done.stdout) == (code, out), done.stderr
    assert err in done.stderr if err else done.stderr == ""
    assert names(tmp_path / "graph.flow") == {"x", "layer", "y"}


def test_the_graph_of_a_block_is_shown_if_the_default_graph_is_empty(
    program: Path, tmp_path: Path
) -> None:
    program.write_text(IN_A_BLOCK)
    assert left(program, tmp_path / "graph.flow").returncode == 1
    assert names(tmp_path / "graph.flow") == {"x", "layer", "y"}


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="sends the signal of a terminal")
def test_ctrl_c_ends_the_program_and_not_the_command(program: Path, tmp_path: Path) -> None:
    waiting = "print('built', flush=True)\nwhile True:\n    tf.Session().run(tf.ones([2]))\n"
    program.write_text(BUILD + waiting)
    script = tmp_path / "look.py"
    script.write_text(WINDOW)
    process = subprocess.Popen(
        [sys.executable, str(script), str(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "built\n"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate()
    assert process.returncode == 7, err
    assert "net" in out and "'layer'" in out
    assert "the program was interrupted" in err and "ended with exit code 130" in err


def test_the_window_shows_it_as_a_new_document(program: Path, tmp_path: Path) -> None:
    program.write_text(BUILD)
    script = tmp_path / "look.py"
    script.write_text(WINDOW)
    words = [sys.executable, str(script), str(program)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 7, done.stderr
    assert done.stdout.endswith(" ['layer', 'x', 'y'] None True\n") and "net" in done.stdout


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import tensorflow as tf\n", "net.py left no graph to show"),
        (f"{BUILD}tf.py_func(lambda v: v, [x], tf.float32)\n", "runs a Python function"),
        ("import nothing_here\n", "No module named 'nothing_here'"),
    ],
)
def test_without_a_graph_no_window_opens(
    nodeflow: Any, program: Path, text: str, said: str, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(open_program, "show_window", lambda *_, **__: pytest.fail("opened"))
    program.write_text(text)
    assert said in left(program, tmp_path / "graph.flow").stderr
    assert not (tmp_path / "graph.flow").exists()
    assert nodeflow("open-program", str(program)).code == 1


def test_without_a_display_or_a_file_nothing_runs(
    nodeflow: Any, program: Path, monkeypatch
) -> None:
    assert "there is no file net.py" in nodeflow("open-program", "net.py").err
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    program.write_text("open('ran', 'w')\n")
    found = nodeflow("open-program", str(program))
    assert found.code == 1 and "no display" in found.err
    assert not Path("ran").exists() and not program.with_name("ran").exists()


def test_a_program_that_is_opened_as_a_file_does_not_run(program: Path) -> None:
    program.write_text(f"open({str(program.with_name('ran'))!r}, 'w')\n")
    assert kind_of(program) is FileKind.OTHER
    with pytest.raises(NodeflowError):
        read_graph(program, False, lambda _: None)
    assert not program.with_name("ran").exists()
