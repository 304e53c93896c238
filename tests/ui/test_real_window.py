"""The real program on a real display: open mnist.flow, press Train, watch it learn."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

pytestmark = [pytest.mark.display, pytest.mark.skipif(sys.platform != "linux", reason="needs X")]


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """The name of an X display: a virtual one of its own, so that nothing disturbs it."""
    server = shutil.which("Xvfb")
    if server is None:
        assert "CI" not in os.environ, "Xvfb is missing: tools/setup.sh should have installed it"
        pytest.skip("Xvfb is not installed")
    read, write = os.pipe()
    process = subprocess.Popen(
        [server, "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"],
        pass_fds=(write,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    try:
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        process.terminate()
        process.wait(10)


def test_mnist_trains_in_the_window_on_the_embedded_images(display, root, tmp_path):
    """Offline and without the full set: live values on opening, plots, above 0.90 at the end."""
    picture = tmp_path / "window.png"
    environment = {
        **os.environ,
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    environment.pop("NODEFLOW_DATA_DIR", None)
    driver = Path(__file__).with_name("real_window.py")
    result = subprocess.run(
        [sys.executable, str(driver), str(root / "examples/mnist.flow"), str(picture)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout.splitlines()[-1])
    print(report)
    assert report.get("error") is None
    assert report["visible"] and report["platform"] == "xcb"
    assert "5 000" in report["notice"]
    assert report["epochs"] == report["points"] == 10
    assert report["losses"] == 400 and report["plotted"] >= 400
    assert report["accuracy"] > 0.90
    assert report["headline"].startswith("Done after")
    assert report["problems"] == 0 and report["message"] == ""
    assert report["longest_block"] < 0.5
    image = QImage(str(picture))
    colors = {
        image.pixel(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)
    }
    assert len(colors) > 100, "the window on the screen is not blank"


def test_a_file_that_is_not_there_is_a_message_in_the_window(display, root, tmp_path):
    script = (
        "import nodeflow.ui\n"
        "from nodeflow.ui import app\n"
        "from PySide6.QtCore import QTimer\n"
        "from PySide6.QtWidgets import QApplication\n"
        "def look():\n"
        "    box = QApplication.activeModalWidget()\n"
        "    if box is None:\n"
        "        return QTimer.singleShot(50, look)\n"
        "    print(box.objectName(), box.informativeText(), flush=True)\n"
        "    box.accept()\n"
        "    QTimer.singleShot(200, QApplication.closeAllWindows)\n"
        "raise SystemExit(app.run('missing.flow', look))\n"
    )
    environment = {
        **os.environ,
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PYTHONPATH": str(root),
    }
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert "problemBox" in result.stdout and "there is no file missing.flow" in result.stdout
