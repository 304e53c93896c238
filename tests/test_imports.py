"""Start-up stays light: importing nodeflow, or asking for help, loads neither Qt nor numba.

``benchmarks/startup.py`` measures the seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("PySide6", "pyqtgraph", "shiboken6", "numba", "llvmlite", "scipy")


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
