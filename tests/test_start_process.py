"""Every process starts by `start_process`, so that none opens a console on Windows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nodeflow
from nodeflow.cli.main import main_without_console
from nodeflow.start_process import start_process

PACKAGE = Path(nodeflow.__file__).parent
STARTS = {
    "subprocess": {"Popen", "run", "call", "check_call", "check_output", "getoutput"},
    "os": {"system", "popen", "startfile"},
    "multiprocessing": {"Process", "Pool", "get_context"},
}
WORDS = re.compile(
    r"subprocess|multiprocessing|QProcess|ProcessPoolExecutor"
    r"|os\.(system|popen|startfile|exec|spawn|posix_spawn)|from os import"
)
"""What the text of a module that starts a process has; only such modules are parsed."""
BY_QT = {"ui/core/concurrency/request_process.py"}
"""Modules with a QProcess: Qt opens no console for a program that has none."""


def starts(module: Path) -> list[str]:
    """Return the calls and names of a module that start a process."""
    found = []
    text = module.read_text(encoding="utf-8")
    if not WORDS.search(text):
        return found
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, name = ast.unparse(node.func.value), node.func.attr
            replaced = owner == "os" and name.startswith(("exec", "spawn", "posix_spawn"))
            if name in STARTS.get(owner, ()) or replaced:
                found.append(f"{owner}.{name}")
        if isinstance(node, ast.ImportFrom) and node.module in STARTS:
            found += [a.name for a in node.names if a.name in STARTS[node.module]]
        if isinstance(node, ast.Name) and node.id in ("QProcess", "ProcessPoolExecutor"):
            found.append(node.id)
    return found


def test_no_other_module_starts_a_process():
    others = {
        module.relative_to(PACKAGE).as_posix(): found
        for module in PACKAGE.rglob("*.py")
        if module.name != "start_process.py" and (found := starts(module))
    }
    assert set(others) == BY_QT, others


def test_a_start_is_found(tmp_path):
    module = tmp_path / "module.py"
    module.write_text("import subprocess, os\nsubprocess.run(['x'])\nos.execv('x', [])\n")
    assert starts(module) == ["subprocess.run", "os.execv"]


def test_windows_opens_no_console(monkeypatch):
    asked = {}
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "__stderr__", None)
    monkeypatch.setattr(subprocess, "CREATE_NO_WINDOW", 0x08000000, raising=False)
    monkeypatch.setattr(subprocess, "Popen", lambda command, **settings: asked.update(settings))
    start_process(["x"], stdin=subprocess.PIPE)
    assert asked == {
        "stdin": subprocess.PIPE,
        "stderr": subprocess.DEVNULL,
        "creationflags": 0x08000000,
    }


def test_command_runs_without_streams(monkeypatch, tmp_path):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    monkeypatch.setattr(sys, "argv", ["nodeflow-window", str(tmp_path / "missing.flow")])
    assert main_without_console() == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other settings")
def test_elsewhere_a_process_is_as_asked():
    process = start_process([sys.executable, "-c", "print(1)"], stdout=subprocess.PIPE, text=True)
    assert process.communicate()[0] == "1\n"
