"""Start-up stays light: importing nodeflow, or asking for help, loads neither Qt nor numba."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEAVY = ("PySide6", "pyqtgraph", "shiboken6", "numba", "llvmlite", "scipy")
IMPORT_SECONDS = 0.15  # on a warm disk


def heavy_modules_after(code: str) -> list[str]:
    """Which heavy packages a fresh interpreter has loaded after running ``code``."""
    report = f"print('\\n' + json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{code}\n{report}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_probe_sees_what_is_loaded():
    assert heavy_modules_after("import scipy") == ["scipy"]


def test_import_loads_nothing_heavy():
    assert heavy_modules_after("import nodeflow") == []


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["ops"], ["ops", "matmul"], ["data", "list"]],
    ids=" ".join,
)
def test_command_loads_nothing_heavy(arguments):
    code = f"from nodeflow.cli.main import main\nassert main({arguments!r}) == 0"
    assert heavy_modules_after(code) == []


def test_running_an_example_loads_no_qt():
    code = "import nodeflow.resources as r\nfrom nodeflow.cli.main import main\n"
    code += "assert main(['run', str(r.example('expression')), '--fetch', 'a']) == 0"
    assert not {"PySide6", "pyqtgraph", "shiboken6"} & set(heavy_modules_after(code))


@pytest.mark.serial
def test_import_is_fast(tmp_path):
    code = "import time; t = time.perf_counter(); import nodeflow; print(time.perf_counter() - t)"
    # Warm means compiled to bytecode, which an environment may forbid beside the sources.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path)
    command = [sys.executable, "-c", code]
    _cold, *warm = [
        float(subprocess.check_output(command, text=True, env=environment)) for _ in range(6)
    ]
    assert min(warm) < IMPORT_SECONDS, f"import nodeflow took {min(warm):.3f} s at best"
