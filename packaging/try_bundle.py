"""Try the bundle as a user without Python would, with each part that starts a process.

    python packaging/try_bundle.py build/bundle/nodeflow
    python packaging/try_bundle.py build/bundle/nodeflow FOLDER

With a folder, the bundle runs in this root, made by bare_root.sh, and its window is tried, too.

The home folder and the caches are new, and no variable of a Python here reaches the bundle. The
window is driven by mouse and keys (xdotool) on a display of its own. Prints the seconds of each
part, and ends with 1 at the first one that fails.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 300
"""Seconds to wait for a part."""
OWN_OP = '''
import fractions  # nodeflow itself does not import it
import nodeflow, numpy as np, scipy.special
@nodeflow.op
def half(x):
    """Half of x."""
    return (x * float(fractions.Fraction(1, 2)) + scipy.special.erf(0 * x)).astype(x.dtype)
'''
OWN_GRAPH = {
    "format": "nodeflow",
    "version": 2,
    "next_id": 3,
    "nodes": [
        {"id": "n1", "op": "constant", "name": "b", "attrs": {"value": 5.0}, "pos": [0, 0]},
        {"id": "n2", "op": "half", "name": "h", "attrs": {}, "pos": [200, 0]},
    ],
    "wires": [["n1", "out", "n2", "x"]],
}


class Failure(Exception):
    """A part of the bundle does not do what it should."""


def parts(inside: Path) -> dict[str, list[str]]:
    """Return the arguments of each part by its name. ``inside``: the package in the bundle."""
    examples, lessons = inside / "_examples", inside / "_resources" / "lessons"
    linear = f"{examples}/linear_regression.flow"
    return {
        "help": ["--help"],
        "a run": ["run", f"{examples}/expression.flow", "--fetch", "a"],
        "the same, warm": ["run", f"{examples}/expression.flow", "--fetch", "a"],
        "a training": ["train", f"{examples}/mnist.flow", "--epochs", "1"],
        "a sweep in two processes": [
            *("sweep", linear, "--epochs", "2"),
            *("--set", "train.learning_rate=[0.1, 0.2]", "--parallel", "2"),
        ],
        "a graph for an own CSV": ["new", "own.csv", "-o", "own.flow"],
        "its training": ["train", "own.flow", "--epochs", "2"],
        "an ONNX file": ["export", f"{examples}/mnist_layers.flow", "--to", "onnx", "-o", "m.onnx"],
        "the ONNX file as a graph": ["import", "m.onnx", "-o", "m.flow"],
        "ONNX's evaluator beside it": ["verify", linear, "--against", "onnx"],
        "an own op": ["run", "own_op.flow", "--plugins", "ops", "--fetch", "h"],
        "an export as a program": ["export", linear, "--to", "numpy", "-o", "program"],
        "a page": ["render", f"{examples}/mnist.flow", "-o", "mnist.html"],
        "a lesson": ["lesson", f"{lessons}/01-expression.flow"],
        "marks of answers": [
            *("grade", f"{lessons}/01-expression.flow", "answers", "-o", "marks.csv"),
        ],
        "a report of the machine": ["doctor"],
        "a menu entry": ["install-desktop"],
    }


def prepare(home: Path, inside: Path) -> None:
    """Write the files of a user."""
    (home / "answers").mkdir(parents=True)
    (home / "ops").mkdir()
    lesson = inside / "_resources" / "lessons" / "01-expression.flow"
    shutil.copy(lesson, home / "answers" / "ada.flow")
    shutil.copy(inside / "_examples" / "mnist.flow", home / "digits.flow")
    rows = [f"{i},{i * i % 7},{'yes' if i * i % 7 > 2 else 'no'}" for i in range(200)]
    (home / "own.csv").write_text("\n".join(["first,second,answer", *rows]) + "\n")
    (home / "ops" / "half.py").write_text(OWN_OP)
    (home / "own_op.flow").write_text(json.dumps(OWN_GRAPH))


class Trial:
    """The bundle and a user's home, here or in another root."""

    def __init__(self, bundle: Path, root: Path | None, home: Path) -> None:
        self.root, self.home = root, home
        self._bundle = bundle
        self._environment = {"LANG": "C.UTF-8", "PATH": os.defpath, "HOME": self._seen(home)}
        self._environment["QT_QPA_PLATFORM"] = "offscreen"

    def _seen(self, path: Path) -> str:
        """Return a path as it is called in the root."""
        return f"/{path.relative_to(self.root)}" if self.root else str(path)

    @property
    def inside(self) -> Path:
        return Path(self._seen(self._bundle)) / "_internal" / "nodeflow"

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Start a program in the user's home."""
        command = ["env", "-C", self._seen(self.home), *words]
        if self.root:
            command = [shutil.which("chroot") or "chroot", str(self.root), *command]
        return subprocess.Popen(
            command,
            cwd=self.home,
            env={**self._environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def nodeflow(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start the bundle."""
        return self.start(f"{self._seen(self._bundle)}/nodeflow", *arguments, **variables)

    def output(self, *arguments: str) -> str:
        """Return the output of a part, and raise Failure if it ends with an error."""
        process = self.nodeflow(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        if process.returncode:
            raise Failure(f"{' '.join(arguments)}\n{out}\n{err}")
        return out


def try_parts(trial: Trial) -> None:
    """Run every part of the command line."""
    for name, arguments in parts(trial.inside).items():
        start = time.perf_counter()
        out = trial.output(*arguments)
        print(f"{time.perf_counter() - start:6.1f} s  {name}", flush=True)
        if name == "an own op" and "2.5" not in out:
            raise Failure(f"half of 5 is not {out}")


def try_window(trial: Trial, picture: Path) -> None:
    """Open a file in the window, edit and save it, train, look, and close."""
    screen = trial.start(
        "Xvfb", "-displayfd", "1", "-screen", "0", "1440x900x24", "-nolisten", "tcp"
    )
    assert screen.stdout is not None
    display = f":{screen.stdout.readline().strip()}"
    here = {**os.environ, "DISPLAY": display}

    def drive(*words: str) -> str:
        done = subprocess.run(["xdotool", *words], env=here, capture_output=True, text=True)
        return done.stdout.strip()

    def wait(what: str, done: Callable[[], object]) -> None:
        start = time.perf_counter()
        while not done():
            if window.poll() is not None or time.perf_counter() - start > PATIENCE:
                raise Failure(f"the window: {what}\n{window.communicate()[1]}")
            time.sleep(0.1)
        print(f"{time.perf_counter() - start:6.1f} s  the window: {what}", flush=True)

    def runs() -> list[dict]:
        return json.loads(trial.output("runs", "list", "--json"))

    kept = len(runs())
    file = trial.home / "digits.flow"
    before = file.read_text().count('"op": "constant"')
    window = trial.nodeflow("digits.flow", DISPLAY=display, QT_QPA_PLATFORM="xcb")
    try:
        wait("opens", lambda: drive("search", "--onlyvisible", "--name", "digits"))
        name = drive("search", "--onlyvisible", "--name", "digits").splitlines()[0]
        drive("windowfocus", "--sync", name)
        drive("key", "Tab")  # the search of ops; its keys wait in the window's queue
        drive("type", "constant")
        drive("key", "Return")
        drive("key", "Escape", "ctrl+s")
        wait("saves an edit", lambda: file.read_text().count('"op": "constant"') > before)
        drive("key", "ctrl+t")
        wait("trains", lambda: [run for run in runs()[kept:] if run["status"] == "done"])
        subprocess.run(["import", "-window", "root", str(picture)], env=here, check=True)
        drive("key", "ctrl+q")
        wait("asks for the weights", lambda: drive("search", "--onlyvisible", "--name", "Unsaved"))
        drive("key", "Return")
        wait("asks where", lambda: drive("search", "--onlyvisible", "--name", "Save the weights"))
        drive("key", "Return")
        wait("saves the weights", (trial.home / "digits.safetensors").exists)
        wait_closed(window)
    finally:
        window.kill()
        screen.terminate()


def wait_closed(window: subprocess.Popen[str]) -> None:
    """Wait until the window has closed by itself."""
    try:
        code = window.wait(60)
    except subprocess.TimeoutExpired:
        raise Failure("the window does not close") from None
    if code:
        raise Failure(f"the window ended with {code}\n{window.communicate()[1]}")


def main(bundle: Path, root: Path | None = None) -> int:
    """Try everything; return the exit code."""
    size = sum(path.lstat().st_size for path in bundle.rglob("*") if path.is_file())
    print(f"{size / 1e6:.0f} MB, {sum(1 for _ in bundle.rglob('*'))} files")
    archive = bundle.parent / "nodeflow.tar.xz"
    if archive.exists():
        print(f"{archive.stat().st_size / 1e6:.0f} MB as {archive.name}")
    base = root / "tmp" if root else None
    with tempfile.TemporaryDirectory(dir=base) as name:
        folder = Path(name).resolve()
        if root:
            root = root.resolve()
            shutil.copytree(bundle, folder / "nodeflow", symlinks=True)
        place = folder / "nodeflow" if root else bundle.resolve()
        trial = Trial(place, root, folder / "home")
        prepare(trial.home, place / "_internal" / "nodeflow")
        try:
            try_parts(trial)
            if root:
                try_window(trial, bundle.parent / "window.png")
        except Failure as failure:
            print(failure, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
