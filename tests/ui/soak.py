"""A long session, compressed: ``python tests/ui/soak.py [--minutes M | --cycles N] [--seed S]``.

Opens the real window with its engine, offscreen, and in a loop opens a graph, edits it, looks at
values, trains, pauses, stops, undoes and saves: a minute holds what a user does in about forty.
Then memory must be within 5 % of what it was after the warm-up, and no descriptor, thread, process,
shared memory or temporary file may be left. Prints the figures; exit status 1 if something is left.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import gc
import os
import random
import re
import shutil
import statistics
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodeflow.ui.actions.binding import Blocked
    from nodeflow.ui.actions.specs import ActionSpec

GRAPHS = ("linear_regression", "spirals", "expression", "autoencoder", "mnist_layers")
EDITS, TRAINED_S, PATIENCE_S = 12, 0.4, 60.0
REST_S = 1.5
"""After which the engine has cleared up."""
GROWTH = 1.05
LEAST_CYCLES = 40
"""Before growth is judged: pools and caches fill up in the first ones."""


@dataclass(frozen=True)
class Held:
    """What the window and its engine hold, when both are idle."""

    megabytes_window: float
    megabytes_engine: float
    descriptors: int
    threads: int
    processes: int
    shared_memory: int
    temporary_files: int

    @property
    def megabytes(self) -> float:
        return self.megabytes_window + self.megabytes_engine


def family(pid: int) -> list[int]:
    """A process and all that come from it."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents[int(folder.name)] = int(parent)
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def megabytes(pid: int) -> float:
    """The memory of a process that no other one shares, as far as the system counts it."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


def count(pid: int, what: str) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/{what}"))
    except OSError:
        return 0


def held(temporary: Path) -> Held:
    gc.collect()
    pids = family(os.getpid())
    memory = [megabytes(pid) for pid in pids]
    shared = Path("/dev/shm")
    names = [f.name for f in shared.iterdir()] if shared.exists() else []
    return Held(
        memory[0],
        sum(memory[1:]),
        sum(count(pid, "fd") for pid in pids),
        sum(count(pid, "task") for pid in pids),
        len(pids),
        sum(name.startswith(("psm_", "nodeflow", "sem.mp-")) for name in names),
        sum(1 for _ in temporary.rglob("*")),
    )


def open_files() -> Counter[str]:
    """What the descriptors are that the window and its engine hold, without numbers."""
    found: Counter[str] = Counter()
    for pid in family(os.getpid()):
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                found[re.sub(r"[0-9]+", "N", os.readlink(link))] += 1
    return found


class Session:
    """A window and what its user does."""

    def __init__(self, folder: Path, seed: int, rest_s: float) -> None:
        from nodeflow.ui.app import make_window
        from nodeflow.ui.core.error_handler import ErrorHandler
        from nodeflow.ui.core.state.user_settings import Settings
        from nodeflow.ui.popups.dialogs import confirmation_dialogs

        confirmation_dialogs.ask_unsaved_weights = lambda *_: confirmation_dialogs.DISCARD
        self.random = random.Random(seed)
        self.rest_s = rest_s
        self.folder = folder
        self.wrong: list[str] = []
        self.trained = 0
        self.errors = ErrorHandler()
        self.errors.install(folder / "window.log")
        self.errors.failed.connect(self._on_failed)
        self.window = make_window(Settings(folder / "window.ini"), self.errors)
        self.window.resize(1280, 800)
        self.window.show()
        self.window.link.start()
        self.window.link.training.connect(self._on_training)
        self.window.actions_.refused.connect(self._on_refused)
        self.wait(lambda: self.window.link.is_up, "the engine")

    def _on_training(self, event: object) -> None:
        self.trained += type(event).__name__ == "Started"

    def _on_refused(self, spec: ActionSpec, blocked: Blocked) -> None:
        if spec.id == "train":
            self.wrong.append(f"Train was refused: {blocked.reason}")

    def _on_failed(self, error: BaseException, text: str) -> None:
        self.wrong.append(text)

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE_S) -> None:
        """Let the window live until a condition holds."""
        from PySide6.QtCore import QEvent
        from PySide6.QtWidgets import QApplication

        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                state = self.window.link.state
                raise TimeoutError(f"waited too long for {what}; the engine is {state or 'down'}")
            QApplication.processEvents()
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # as an event loop does
            time.sleep(0.002)

    def pass_time(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= end, "time")

    def idle(self) -> None:
        self.wait(lambda: self.window.link.state == "idle", "an idle engine")

    def cycle(self) -> None:
        from tests.host.random_edits import RandomEdits

        window, document = self.window, self.window.workspace
        name = self.random.choice(GRAPHS)
        window.files.load(self.folder / "graphs" / f"{name}.flow")
        self.idle()
        if self.random.random() < 0.5:
            window.docking.show(self.random.choice(list(window.panels)))
        if document.root.training.get("optimizer"):
            self.train()
        edits = RandomEdits.__new__(RandomEdits)
        edits.random, edits.document, edits.subgraphs = self.random, document.root, False
        for _ in range(EDITS):
            edits.edit()
            self.pass_time(0.02)
        self.idle()
        window.actions_.trigger("run")
        self.pass_time(0.1)
        self.idle()
        while document.root.can_undo:
            window.actions_.trigger("undo")
        self.pass_time(0.05)
        for action in ("redo", "undo"):
            window.actions_.trigger(action)
            self.pass_time(0.05)
        self.idle()
        document.root.mark_modified()
        window.files.save()
        window.files.load(self.folder / "graphs" / f"{GRAPHS[0]}.flow")  # to compare like with like
        self.idle()
        self.pass_time(self.rest_s)

    def train(self) -> None:
        """Train, pause, go on, and stop."""
        window = self.window
        before = self.trained
        window.actions_.trigger("train")
        # a short one may have begun and ended by the time anybody looks
        self.wait(lambda: self.trained > before, "a training")
        self.pass_time(TRAINED_S)
        for _ in range(2):
            if window.link.is_training:
                window.actions_.trigger("pause")
                self.pass_time(0.1)
        if window.link.is_training:
            window.actions_.trigger("stop")
        self.idle()

    def close(self) -> None:
        self.window.workspace.root.mark_saved()
        self.window.close()
        self.window.deleteLater()
        self.pass_time(0.2)
        self.errors.uninstall()


def soak(cycles: int, minutes: float, seed: int) -> int:
    """Returns the exit status."""
    home = Path(tempfile.mkdtemp(prefix="nodeflow-soak-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)  # first, so that it comes last
    temporary = home / "tmp"
    temporary.mkdir()
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        os.environ.setdefault(f"XDG_{name}_HOME", str(home / name.lower()))
    os.environ["TMPDIR"] = str(temporary)
    tempfile.tempdir = None
    from nodeflow.resources import example

    (home / "graphs").mkdir()
    for name in GRAPHS:
        shutil.copy(example(name), home / "graphs")
    threads = threading.active_count()
    judges_memory = minutes > 0 or cycles >= LEAST_CYCLES
    session = Session(home, seed, REST_S if judges_memory else 0.0)
    found: list[Held] = []
    seen: list[Counter[str]] = []
    end = time.monotonic() + minutes * 60
    while len(found) < cycles or time.monotonic() < end:
        try:
            session.cycle()
        except Exception:  # the hooks of the window would log it where nobody looks
            session.wrong.append(traceback.format_exc())
            break
        found.append(held(temporary))
        seen.append(open_files())
        if len(found) % 10 == 0:
            print(f"cycle {len(found)}: {astuple(found[-1])}", flush=True)
        if session.wrong:
            break
    session.close()
    wrong = [*session.wrong, *(judged(found) if found else []), *left_after(threads)]
    print(f"{len(found)} cycles, seed {seed}")
    for line in wrong:
        print(line)
    if any(line.startswith("descriptors") for line in wrong):
        early = seen[len(seen) // 5]
        print("more of these are open:", *sorted((seen[-1] - early).elements()), sep="\n  ")
    return 1 if wrong else 0


def judged(found: list[Held]) -> list[str]:
    """What grew: the last fifth of the cycles against the one after the warm-up."""
    part = max(1, len(found) // 5)
    early, late = found[part : 2 * part] or found, found[-part:]
    wrong = []
    for field in fields(Held):
        before = statistics.median(getattr(one, field.name) for one in early)
        after = statistics.median(getattr(one, field.name) for one in late)
        print(f"{field.name}: {before:.1f} after the warm-up, {after:.1f} at the end")
        most = max(getattr(one, field.name) for one in early)
        is_count = not field.name.startswith("megabytes")
        if is_count and after > most and len(found) >= LEAST_CYCLES:
            wrong.append(f"{field.name} grew from {before:g}, at most {most}, to {after:g}")
    before = statistics.median(one.megabytes for one in early)
    after = statistics.median(one.megabytes for one in late)
    print(f"memory: {after / before - 1:+.1%}")
    if len(found) >= LEAST_CYCLES and after > before * GROWTH:
        wrong.append(f"memory grew from {before:.0f} to {after:.0f} MB")
    return wrong


def left_after(threads: int) -> list[str]:
    """What is left when the window is closed."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        others = family(os.getpid())[1:]
        if not others and threading.active_count() <= threads:
            return []
        time.sleep(0.05)
    names = [thread.name for thread in threading.enumerate()]
    return [f"left after the window closed: processes {others}, threads {names}"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--cycles", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    return soak(given.cycles, given.minutes, given.seed)


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    sys.exit(main())
