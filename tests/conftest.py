"""What every test shares: no screen, folders of its own, and the full MNIST set where it is."""

from __future__ import annotations

import faulthandler
import gc
import os
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.volumes import header

ROOT = Path(__file__).resolve().parent.parent

# Qt reads this when it starts, so it is set before any test module can import Qt. Tests of a real
# window start a process of their own under Xvfb.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# Every plan that a test makes is verified, in processes that tests start, too.
os.environ.setdefault("NODEFLOW_VERIFY", "1")

# Threads that OpenBLAS adds by itself wait for each other on cores that the other tests have: the
# logarithm of a 6 x 6 matrix took 46 ms instead of 2. numpy reads this when it is imported; the
# engine process has it anyway, and runs keep BLAS to one thread (tests/engine/test_blas.py).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# How long an example takes says how busy the machine is, and nothing about what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Trainings of tests are no runs that anybody looks for; tests of kept runs name a folder.
os.environ["NODEFLOW_RUNS"] = "off"


def pytest_configure(config: pytest.Config) -> None:
    """Keep the user's settings, recent files and caches out of the tests, and the other way round.

    The cache stays in the checkout, so that compiled kernels (named by what they are made from)
    serve the next run. Workers of xdist inherit what the first process sets.
    """
    if hasattr(config, "workerinput"):
        return
    home = tempfile.TemporaryDirectory(prefix="nodeflow-tests-")
    config.add_cleanup(home.cleanup)
    os.environ["XDG_CONFIG_HOME"] = os.path.join(home.name, "config")
    os.environ["XDG_DATA_HOME"] = os.path.join(home.name, "data")
    os.environ["XDG_CACHE_HOME"] = str(ROOT / ".cache")
    os.environ["NODEFLOW_KERNEL_KEY"] = str(ROOT / ".cache" / "kernel-key")
    for variable in ("NODEFLOW_PLUGINS", "NODEFLOW_COURSES", "NODEFLOW_LESSONS_DIR"):
        os.environ.pop(variable, None)
    os.environ["LANGUAGE"] = "en"  # lessons are shown in the user's language
    # Without bytecode each of the hundreds of processes that tests start compiles the sources.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """A worker that crashes leaves there what each of its threads did."""
    crashes = Path(os.environ["XDG_DATA_HOME"]).parent / "crashes"
    crashes.mkdir(exist_ok=True)
    node.workerinput["crash_file"] = str(crashes / node.gateway.id)


def pytest_sessionstart(session: pytest.Session) -> None:
    """After pytest's own plugin, whose place is a terminal that nobody may keep."""
    inputs = getattr(session.config, "workerinput", {})
    if "crash_file" in inputs:
        session.config.crash_file = open(inputs["crash_file"], "w")  # noqa: SIM115 open till the end
        faulthandler.enable(session.config.crash_file)


def pytest_terminal_summary(terminalreporter) -> None:
    for file in sorted(Path(os.environ["XDG_DATA_HOME"]).parent.glob("crashes/*")):
        if file.stat().st_size:
            terminalreporter.section(f"worker {file.name} crashed")
            terminalreporter.write_line(file.read_text(errors="replace"))


def pytest_collection_finish() -> None:
    """What 26 000 collected tests keep is no garbage: nothing looks through it again."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what has the machine for itself, and cases of ``sample`` tests beyond the sample."""
    cases: dict[tuple[Path, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("display"):
            item.add_marker(pytest.mark.serial)
        if item.get_closest_marker("sample"):
            cases[item.path, item.nodeid.partition("[")[0]].append(item)
    for some in cases.values():
        (count,) = some[0].get_closest_marker("sample").args
        kept = {some[n * len(some) // count].nodeid for n in range(count)}
        for item in some:
            if item.nodeid not in kept:
                item.add_marker(pytest.mark.thorough)


def pytest_report_header() -> list[str]:
    folder = os.environ.get("NODEFLOW_DATA_DIR")
    data = f"MNIST: the full set in {folder}" if folder else "MNIST: the 5 000 embedded images"
    return [data, header()]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture
def plugin_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty plugin folder that this test's processes load; its ops are gone after the test."""
    from nodeflow.ops.user import PLUGINS

    folder = tmp_path / "plugins"
    folder.mkdir()
    monkeypatch.setenv("NODEFLOW_PLUGINS", str(folder))
    yield folder
    PLUGINS.unload()


@pytest.fixture
def unwritten_pipe(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Make a pipe that nobody writes; code that waits for it finds it empty, and goes on."""
    made: list[tuple[Path, threading.Thread]] = []

    def make(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        os.mkfifo(path)
        end = threading.Thread(target=lambda: open(path, "wb").close())
        end.start()
        made.append((path, end))
        return path

    yield make
    for path, end in made:
        while end.is_alive():
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            end.join(0.01)


@pytest.fixture(scope="session")
def full_mnist() -> Path | None:
    """The folder of the full MNIST set, or None where only the embedded images are."""
    folder = os.environ.get("NODEFLOW_DATA_DIR")
    return Path(folder) if folder else None
