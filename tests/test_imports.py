"""Start-up stays light: importing nodeflow, or asking for help, loads neither Qt nor numba.

``benchmarks/startup.py`` measures the seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("PySide6", "pyqtgraph", "shiboken6", "numba", "llvmlite", "scipy", "jax", "jaxlib")
NEEDED_LATER = (
    "numpy",
    "nodeflow.ops",
    "nodeflow.graph.graph",
    "nodeflow.foreign_names.others",
)


def heavy_modules_after(code: str, names: tuple[str, ...] = HEAVY) -> list[str]:
    """Which of these a fresh interpreter has loaded after running ``code``."""
    report = f"print('\\n' + json.dumps([m for m in {names!r} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{code}\n{report}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.thorough
def test_the_probe_sees_what_is_loaded():
    assert heavy_modules_after("import scipy") == ["scipy"]


def test_import_loads_nothing_heavy():
    assert heavy_modules_after("import nodeflow") == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["ops"], ["ops", "matmul"], ["data", "list"]],
    ids=" ".join,
)
def test_command_loads_nothing_heavy(arguments):
    code = f"from nodeflow.cli.main import main\nassert main({arguments!r}) == 0"
    assert heavy_modules_after(code) == []


@pytest.mark.parametrize("code", ["import nodeflow", "main(['--help'])"])
def test_what_is_imported_first_waits_with_the_rest(code):
    code = f"from nodeflow.cli.main import main\n{code}"
    assert heavy_modules_after(code, NEEDED_LATER) == []


def test_manifests_are_read_without_importing_an_integration():
    code = "from nodeflow.manifests import integrations\nassert integrations()\n"
    code += "assert not [m for m in sys.modules if m.startswith('nodeflow.integrations')]"
    assert heavy_modules_after(code, ("numpy", "nodeflow.ops")) == []


@pytest.mark.thorough
def test_the_first_question_for_an_op_registers_all():
    code = "from nodeflow.graph.registry import REGISTRY\nassert 'matmul' in REGISTRY"
    assert heavy_modules_after(f"{code}\nassert len(REGISTRY) > 300", HEAVY) == []


@pytest.mark.thorough
def test_running_an_example_loads_nothing_for_names_of_tensorflow():
    code = "import nodeflow.resources as r\nfrom nodeflow.cli.main import main\n"
    code += "assert main(['run', str(r.example('expression')), '--fetch', 'a']) == 0"
    assert heavy_modules_after(code, NEEDED_LATER[-1:]) == []


@pytest.mark.thorough
def test_training_loads_no_package_of_another_backend():
    code = "import nodeflow.resources as r\nfrom nodeflow.cli.main import main\n"
    code += "file = str(r.example('linear_regression'))\n"
    code += "assert main(['train', file, '--epochs', '1', '--no-run']) == 0"
    assert heavy_modules_after(code, ("jax", "jaxlib", "onnx")) == []


@pytest.mark.thorough
def test_running_an_example_loads_no_half_floats():
    """ml_dtypes takes up to a second to import; only bfloat16 needs it."""
    code = "import nodeflow.resources as r\nfrom nodeflow.cli.main import main\n"
    code += "assert main(['run', str(r.example('expression'))]) == 0"
    assert heavy_modules_after(code, ("ml_dtypes",)) == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    "code",
    [
        "assert nf.zeros((2,), 'bfloat16').dtype == 'bfloat16'",
        "assert float(nf.bfloat16.max) > 3e38",
        "assert nf.Session().run(nf.cast(nf.constant(1.5), nf.bfloat16)) == 1.5",
    ],
)
def test_the_first_bfloat16_of_a_process_makes_it_known(code):
    assert heavy_modules_after(f"import nodeflow as nf\n{code}", ("ml_dtypes",)) == ["ml_dtypes"]


@pytest.mark.thorough
def test_running_an_example_loads_no_qt():
    code = "import nodeflow.resources as r\nfrom nodeflow.cli.main import main\n"
    code += "assert main(['run', str(r.example('expression')), '--fetch', 'a']) == 0"
    assert not {"PySide6", "pyqtgraph", "shiboken6"} & set(heavy_modules_after(code))


@pytest.mark.thorough
def test_planning_imports_no_compiler():
    """It happens in the window's engine at each start, mostly with kernels compiled before."""
    child = (
        "import sys\n"
        "from nodeflow.engine.kernels.registry import registered\n"
        "registered()\n"
        "print(sorted({'numba', 'llvmlite'} & sys.modules.keys()))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", child], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
