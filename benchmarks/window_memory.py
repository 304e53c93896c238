"""Measure the memory of all processes together while MNIST trains in the window.

    python benchmarks/window_memory.py [--epochs 10] [--history 32] [--maps]

The window is the real one, on the MNIST example, as `nodeflow FILE` opens it. Memory is the sum of
the proportional set sizes (PSS) of its process and of all its descendants. It is read ten times per
second, from the time when the file is open until 3 seconds after the last epoch. Shared pages count
once. The process that compiles kernels is listed separately, because it ends when there is nothing
to compile. With ``--maps`` the largest mappings of each process at the end follow.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from processor_time import family

COMPILER = "nodeflow.engine.compiler.worker"
EACH_SECONDS = 0.1
LINE = re.compile(r"^(\w+):\s+(\d+) kB$", re.MULTILINE)


def sizes(pid: int) -> dict[str, int]:
    """Return the figures of a process's smaps_rollup, in bytes; empty once it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return {}
    return {name: 1024 * int(count) for name, count in LINE.findall(text)}


def words(pid: int) -> list[str]:
    """Return a process's command line; nothing once it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return []


def role(pid: int, window: int) -> str:
    """Return the role of a process, by its command line.

    A process that was just forked still has its parent's command line. It does not count, because
    half of its pages were counted with its parent.
    """
    found = words(pid)
    modules = [w for w in found if w.startswith("nodeflow.")]
    forked = pid != window and found == words(window)
    return modules[0] if modules else "gone" if forked or not found else "window"


def mappings(pid: int, most: int = 14) -> list[tuple[int, str]]:
    """Return (PSS in kB, name) of the largest mappings of a process."""
    found: Counter[str] = Counter()
    name = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"^[0-9a-f]+-[0-9a-f]+ ", line):
            fields = line.split(maxsplit=5)
            name = fields[5] if len(fields) == 6 else "anonymous"
        elif line.startswith("Pss:"):
            found[name] += int(line.split()[1])
    return [(count, name) for name, count in found.most_common(most)]


# ---- the window, in a process of its own --------------------------------------------------------


def show(path: Path) -> None:
    """Open the window, train, and print when. End when standard input ends."""
    from nodeflow.ui.app import run  # first, like the command: it keeps objects of PySide alive

    from PySide6.QtCore import QTimer  # isort: skip
    from PySide6.QtWidgets import QApplication  # isort: skip

    from nodeflow.train import events
    from nodeflow.ui.window.main_window import MainWindow

    def begin() -> None:
        window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow))
        window.resize(1600, 1000)
        timer = QTimer(window)

        def look() -> None:
            if window.link.state == "idle":
                timer.stop()
                print("open", flush=True)
                QTimer.singleShot(3000, train)

        def train() -> None:
            window.actions_.trigger("train")
            if not window.link.is_training:  # a busy machine still shows the first values
                QTimer.singleShot(500, train)

        def take(message: object) -> None:
            if isinstance(message, events.Epoch):
                print("epoch", flush=True)
            elif isinstance(message, events.Done):
                print("done", flush=True)

        window.link.training.connect(take)
        timer.timeout.connect(look)
        timer.start(100)

    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    run(path, begin)


# ---- the measurement ----------------------------------------------------------------------------


def measure(path: Path, with_maps: bool) -> None:
    command = [sys.executable, __file__, "--show", str(path)]
    window = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    said: list[str] = []
    assert window.stdout is not None and window.stdin is not None
    threading.Thread(target=lambda: said.extend(window.stdout or ()), daemon=True).start()
    peak: tuple[int, dict[str, int], int] = (0, {}, 0)
    compiler = last = 0
    shown: dict[str, int] = {}
    while window.poll() is None:
        time.sleep(EACH_SECONDS)
        if not said:
            continue
        found = {pid: sizes(pid) for pid in family(window.pid)}
        shown = {}
        for pid, size in found.items():
            name = role(pid, window.pid)
            if name == COMPILER:
                compiler = max(compiler, size.get("Pss", 0))
            elif size and name != "gone":
                shown[name] = shown.get(name, 0) + size["Pss"]
        last = sum(shown.values())
        peak = max(peak, (last, shown, len(said) - 1), key=lambda found: found[0])
        if "done\n" in said:
            break
    time.sleep(3.0)
    print(json.dumps({"case": "peak", "after epochs": peak[2], **_megabytes(peak[0], peak[1])}))
    after: Counter[str] = Counter()
    for pid in family(window.pid):
        after[role(pid, window.pid)] += sizes(pid).get("Pss", 0)
    running = COMPILER in after
    print(
        json.dumps({"case": "3 s after the last epoch", **_megabytes(sum(after.values()), after)})
    )
    line = {"case": "compiler", "pss_mb": round(compiler / 1e6, 1), "still running": running}
    print(json.dumps(line))
    for pid in family(window.pid) if with_maps else ():
        found = sizes(pid)
        print(f"-- {role(pid, window.pid)}: anonymous {found['Pss_Anon'] / 1e6:.1f} MB, "
              f"files {found['Pss_File'] / 1e6:.1f} MB")  # fmt: skip
        for count, name in mappings(pid):
            print(f"   {count / 1000:8.1f}  {name}")
    window.stdin.close()
    window.wait()


def _megabytes(total: int, each: dict[str, int]) -> dict[str, float]:
    return {"pss_mb": round(total / 1e6, 1), **{k: round(v / 1e6, 1) for k, v in each.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--history", type=int, default=32, help="megabytes of snapshots")
    parser.add_argument("--maps", action="store_true", help="what the memory consists of")
    parser.add_argument("--show", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.show:
        show(Path(options.show))
        return
    from nodeflow.document.edit import commands
    from nodeflow.document.io import flow
    from nodeflow.paths import KEY_VARIABLE, kernel_key_file
    from nodeflow.resources import example

    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    key = kernel_key_file()
    with tempfile.TemporaryDirectory(prefix="nodeflow-bench-") as name:
        os.environ.update(XDG_STATE_HOME=name, XDG_CONFIG_HOME=name, NODEFLOW_RUNS=f"{name}/runs")
        # kernels that were compiled before stay valid
        os.environ.setdefault(KEY_VARIABLE, str(key))
        os.environ["NODEFLOW_HISTORY_MB"] = str(options.history)
        document = flow.load(example("mnist"))
        commands.set_training(document, epochs=options.epochs)
        path = Path(name) / "mnist.flow"
        flow.save(document, path)
        measure(path, options.maps)


if __name__ == "__main__":
    main()
