"""Try the bundle as a user without Python would, with each part that starts a process.

    python packaging/try_bundle.py build/bundle/nodeflow

The home folder and the caches are new, and no variable of a Python here reaches the bundle. Prints
the seconds of each part, and ends with 1 at the first one that fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def parts(bundle: Path) -> dict[str, list[str]]:
    """Return the arguments of each part by its name."""
    inside = bundle / "_internal" / "nodeflow"
    examples, lessons = inside / "_examples", inside / "_resources" / "lessons"
    return {
        "help": ["--help"],
        "a run": ["run", f"{examples}/expression.flow", "--fetch", "a"],
        "the same, warm": ["run", f"{examples}/expression.flow", "--fetch", "a"],
        "a training": ["train", f"{examples}/mnist.flow", "--epochs", "1"],
        "a sweep in two processes": [
            *("sweep", f"{examples}/linear_regression.flow", "--epochs", "2"),
            *("--set", "train.learning_rate=[0.1, 0.2]", "--parallel", "2"),
        ],
        "an ONNX file": ["export", f"{examples}/mnist_layers.flow", "--to", "onnx", "-o", "m.onnx"],
        "the ONNX file as a graph": ["import", "m.onnx", "-o", "m.flow"],
        "a page": ["render", f"{examples}/mnist.flow", "-o", "mnist.html"],
        "marks of answers": [
            "grade",
            f"{lessons}/01-expression.flow",
            "answers",
            "-o",
            "marks.csv",
        ],
        "a report of the machine": ["doctor"],
    }


def main(bundle: Path) -> int:
    """Run every part; return the exit code."""
    lesson = bundle / "_internal" / "nodeflow" / "_resources" / "lessons" / "01-expression.flow"
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answers", "ada.flow")
        answer.parent.mkdir()
        answer.write_bytes(lesson.read_bytes())
        environment = {"HOME": folder, "LANG": "C.UTF-8", "QT_QPA_PLATFORM": "offscreen"}
        environment["PATH"] = os.defpath
        for name, arguments in parts(bundle.resolve()).items():
            start = time.perf_counter()
            command = [str(bundle.resolve() / "nodeflow"), *arguments]
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600
            )
            print(f"{time.perf_counter() - start:6.1f} s  {name}", flush=True)
            if done.returncode:
                print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
