"""Record the code that each test executes, and run chosen tests, for ``planted_faults.py``.

Probes call this module, and it is a plugin of pytest. All processes of a test map the file with the
test's number, so that a call costs next to nothing. Each process of the copy imports this module,
which therefore imports little.
"""

from __future__ import annotations

import builtins
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pytest

PLACE = "NODEFLOW_PLANTED_RECORD"
"""The variable that passes the place of the record to the processes that a test starts."""

_number: memoryview | list[int] = [-1]
_hits = -1
_last: dict[int, int] = {}


def executed(block: int) -> None:
    """Note that the running test executes this block."""
    test = _number[0]
    if _last.get(block, -1) != test:
        _last[block] = test
        os.write(_hits, (test << 32 | block).to_bytes(8, "little"))


def _join(place: str) -> None:
    """Record below this place from now on."""
    import mmap

    global _number, _hits
    with open(f"{place}.number", "r+b") as file:
        _number = memoryview(mmap.mmap(file.fileno(), 8)).cast("q")
    _hits = os.open(f"{place}.hits", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


builtins._planted_probe = executed  # type: ignore[attr-defined]
if PLACE in os.environ:
    _join(os.environ[PLACE])


# ---- the plugin -----------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--planted-record", help="the folder of a record")
    parser.addoption("--planted-tests", help="a file that lists the tests to run, in their order")


def pytest_configure(config: pytest.Config) -> None:
    folder = config.getoption("planted_record")
    if folder and (hasattr(config, "workerinput") or not config.getoption("numprocesses", None)):
        config.pluginmanager.register(_Recorder(folder))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if folder := config.getoption("planted_record"):
        known = _recorded(folder)
        items[:] = [item for item in items if item.nodeid not in known]
    listed = config.getoption("planted_tests")
    if listed:
        with open(listed) as file:
            rank = {test: n for n, test in enumerate(file.read().splitlines())}
        items[:] = sorted((i for i in items if i.nodeid in rank), key=lambda i: rank[i.nodeid])


def _recorded(folder: str) -> set[str]:
    """Return the tests of a record that was stopped."""
    import glob
    import json

    known = set()
    for name in glob.glob(os.path.join(glob.escape(folder), "*.tests")):
        with open(name) as file:
            known.update(json.loads(line)[0] for line in file if line.endswith("\n"))
    return known


class _Recorder:
    """A plugin that numbers the tests of this process as they run."""

    def __init__(self, folder: str) -> None:
        place = os.path.join(folder, f"{time.time_ns()}-{os.getpid()}")
        with open(f"{place}.number", "wb") as file:
            file.write((2**31).to_bytes(8, "little"))  # no test: the collection
        self._tests = open(f"{place}.tests", "w")  # noqa: SIM115 open till the end
        self._count = 0
        self._seconds = 0.0
        self._passed = True
        os.environ[PLACE] = place
        _join(place)

    def pytest_runtest_logstart(self) -> None:
        self._seconds, self._passed = 0.0, True
        _number[0] = self._count  # type: ignore[index]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds += report.duration
        self._passed = self._passed and not report.failed

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        import json

        self._tests.write(json.dumps([nodeid, round(self._seconds, 3), self._passed]) + "\n")
        self._tests.flush()
        self._count += 1
        _number[0] = 2**31  # type: ignore[index]
