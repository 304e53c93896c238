"""Nothing phones home: no process of the program asks for a connection, or needs a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes talk by other means")

# Python runs this at the start of each process: whatever asks for a host, or sends to one, is
# written down and fails. Sockets between processes of this machine have names in its file system.
WATCH = """
import os, socket, sys

def note(text):
    with open(os.environ["WATCHED"], "a") as file:
        file.write(f"{os.getpid()} {text}\\n")

def watch(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        note(f"{event} {arguments}")
        raise OSError("no network")
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        if arguments[0].family != socket.AF_UNIX:
            note(f"{event} {arguments[1:]}")
            raise OSError("no network")
    if event == "import" and arguments[0] == "PySide6.QtNetwork":
        note("import PySide6.QtNetwork")

sys.addaudithook(watch)
note(f"watched {sys.orig_argv}")
"""

OPEN_ALL = """
import sys, time
from pathlib import Path
import nodeflow.ui
from nodeflow.resources import examples
from nodeflow.ui import app
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

application = app.make_application()
left = sorted(examples())
end = time.monotonic() + 200

def look():
    window = next(w for w in QApplication.topLevelWidgets() if w.objectName() == "mainWindow")
    if time.monotonic() > end:
        print("stuck", window.link.state)
        window.close()
    elif window.link.state != "idle":
        QTimer.singleShot(50, look)
    elif left:
        path = left.pop()
        window.files.open_example(path)
        print(path.stem, flush=True)
        QTimer.singleShot(500, look)
    else:
        window.close()

raise SystemExit(app.run(None, look))
"""


@pytest.fixture
def watched(tmp_path: Path, root: Path):
    """Return ``run(*arguments)``: Python, watched, without a network where this may take it away;
    gives what it prints and the lines that were written down."""
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    log = tmp_path / "log"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "watch"), str(root)]),
        "WATCHED": str(log),
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }
    environment.pop("NODEFLOW_DATA_DIR", None)
    alone = ["unshare", "--net"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], stderr=-3).returncode:
        alone = []

    def run(*arguments: str) -> tuple[str, list[str]]:
        done = subprocess.run(
            [*alone, sys.executable, *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, log.read_text(encoding="utf-8").splitlines()

    return run


def asked(lines: list[str], processes: int) -> list[str]:
    """What was asked for, where at least so many processes were watched."""
    watched = [line for line in lines if line.split(" ", 1)[1].startswith("watched ")]
    assert len({line.split()[0] for line in watched}) >= processes, watched
    return [line for line in lines if line not in watched]


@pytest.mark.thorough
def test_the_watch_sees_what_asks_for_a_host(watched) -> None:
    code = (
        "import socket, urllib.request\n"
        "here = '127.0.0.1', 9\n"
        "for ask in (lambda: urllib.request.urlopen('http://localhost:9'),\n"
        "            lambda: socket.create_connection(here),\n"
        "            lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b'', here)):\n"
        "    try: ask()\n"
        "    except OSError: pass\n"
    )
    _, lines = watched("-c", code)
    assert len(asked(lines, 1)) == 3


@pytest.mark.thorough
def test_the_window_trains_without_asking_for_a_host(watched, root, tmp_path) -> None:
    """Start, open an example, live values, train to the end, close; the engine is watched, too."""
    driver = Path(__file__).with_name("real_window.py")
    picture = str(tmp_path / "window.png")
    out, lines = watched(str(driver), str(root / "examples/mnist.flow"), picture)
    report = json.loads(out.splitlines()[-1])
    assert report.get("error") is None and report["accuracy"] > 0.90
    assert asked(lines, 2) == []
    assert any("nodeflow.host" in line for line in lines), "the engine process was not watched"


@pytest.mark.thorough
def test_the_window_opens_every_example_without_asking_for_a_host(watched, root) -> None:
    out, lines = watched("-c", OPEN_ALL)
    assert sorted(out.split()) == sorted(p.stem for p in (root / "examples").glob("*.flow"))
    assert asked(lines, 2) == []


@pytest.mark.thorough
@pytest.mark.parametrize("command", ["train", "run", "check"])
def test_the_command_line_does_not_ask_for_a_host(watched, root, command: str) -> None:
    _, lines = watched("-m", "nodeflow", command, str(root / "examples/regression.flow"))
    assert asked(lines, 1) == []
