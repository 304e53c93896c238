"""The wheel, installed away from the checkout, holds everything and runs.

The wheel goes into a fresh virtual environment with ``--no-deps``; a ``.pth`` file there lends it
the dependencies of the environment that runs the tests.  So nodeflow itself comes from the wheel,
and 300 MB need not be downloaded again.  The checkout stays out: the editable install is a ``.pth``
file of its own, and ``.pth`` files work only in a real site folder, not in a lent one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from nodeflow import resources

PROBE = """
import json, nodeflow, nodeflow.resources as r
from pathlib import Path
with open(r.resource("icons/play.svg")) as icon:
    assert "<svg" in icon.read()
print(json.dumps({
    "package": str(Path(nodeflow.__file__).parent),
    "icon": str(r.resource("icons/play.svg")),
    "font": str(r.resource("fonts/Inter-Regular.otf")),
    "mnist": str(r.resource("mnist/mnist5k.npz")),
    "examples": [str(path) for path in r.examples()],
}))
"""


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the checkout without the network."""
    copy = tmp_path_factory.mktemp("source") / "nodeflow"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "dist"))
    shutil.rmtree(copy / "build", ignore_errors=True)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    done = subprocess.run(build, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = (copy / "dist").glob("nodeflow_studio-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` folder of a clean environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = str(scripts / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    done = subprocess.run([*pip, "--no-deps", "--no-index", wheel], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    lent = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(site.strip(), "lent.pth").write_text("\n".join(sorted(lent)) + "\n", encoding="utf-8")
    return scripts


def run(installed: Path, cwd: Path, *command: str) -> str:
    """Run a program of the clean environment in ``cwd``; return what it printed.

    The caches are new and the full MNIST set is out of sight, as on a user's first day.
    """
    hidden = ("PYTHON", "NODEFLOW_", "XDG_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    environment["XDG_CACHE_HOME"] = str(cwd / "cache")
    done = subprocess.run(
        [installed / command[0], *command[1:]],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.thorough
def test_wheel_holds_every_bundled_file_and_nothing_else(wheel, root):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for source, target in [("resources", "_resources"), ("examples", "_examples")]:
        files = (p for p in (root / source).rglob("*") if p.is_file() and p.suffix != ".pyc")
        wanted = {f"nodeflow/{target}/{p.relative_to(root / source).as_posix()}" for p in files}
        assert wanted and wanted <= names
    manifests = (root / "nodeflow" / "integrations").glob("*/manifest.json")
    wanted = {path.relative_to(root).as_posix() for path in manifests}
    assert wanted and wanted <= names
    assert not [name for name in names if name.endswith(".pyc")]
    assert {n.split("/")[0].split("-")[0] for n in names} == {"nodeflow", "nodeflow_studio"}
    assert wheel.stat().st_size < 10_000_000


@pytest.mark.thorough
def test_installed_wheel_finds_its_own_files(installed, root, tmp_path):
    found = json.loads(run(installed, tmp_path, "python", "-c", PROBE))
    assert not Path(found["package"]).is_relative_to(root)
    for path in [found["icon"], found["font"], found["mnist"], *found["examples"]]:
        assert Path(path).is_relative_to(found["package"])
    assert {Path(p).name for p in found["examples"]} == {p.name for p in resources.examples()}


@pytest.mark.thorough
def test_installed_command_prints_help(installed, tmp_path):
    assert "run" in run(installed, tmp_path, "nodeflow", "--help")
    assert "run" in run(installed, tmp_path, "python", "-m", "nodeflow", "--help")


@pytest.mark.thorough
def test_installed_command_runs_a_bundled_example(installed, tmp_path):
    path = run(
        installed,
        tmp_path,
        "python",
        "-c",
        "import nodeflow.resources as r; print(r.example('expression.flow'))",
    ).strip()
    printed = run(installed, tmp_path, "nodeflow", "run", path, "--fetch", "a", "--json")
    assert json.loads(printed) == {"fetches": {"a": 9.0}}


TRAIN = """
import sys, nodeflow.resources as r
from nodeflow.cli.main import main
sys.exit(main(["train", str(r.example("mnist")), "--epochs", "1", "--seed", "1", "--json"]))
"""


@pytest.mark.thorough
def test_installed_command_trains_on_the_embedded_images(installed, tmp_path):
    printed = run(installed, tmp_path, "python", "-c", TRAIN)
    done = json.loads(printed.splitlines()[-1])
    assert done["event"] == "done"
    assert done["metrics"]["accuracy"] > 0.5
