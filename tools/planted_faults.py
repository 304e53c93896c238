"""Plant 200 small faults, one at a time, and report which of them the tests find.

``tools/faults/*.toml`` lists the faults: a text that occurs once in a module, and its replacement.
Each is tried in a copy of the checkout, with only the tests that execute it, until one fails. The
tests of ``make test`` come first; the others run if those find nothing.

    planted_faults.py check     whether each fault still applies
    planted_faults.py record    run all tests once, and note the code that each executes
    planted_faults.py try       try the faults that have no result yet
    planted_faults.py report    the table, and the faults that no test finds

Probes find the tests that execute a fault: calls at the start of each function and branch. Unlike a
coverage tool they also see processes that tests kill or share, and cost next to no time. Code that
runs at import, or that numba compiles, cannot have a probe; its fault names its tests.

Results stay in ``build/planted_faults``; ``record`` and ``try`` go on where they were stopped.
"""

from __future__ import annotations

import argparse
import ast
import json
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
FAULTS = ROOT / "tools" / "faults"
BUILD = ROOT / "build" / "planted_faults"
RECORD = BUILD / "record"
RESULTS = BUILD / "results.json"
PROBE = Path(__file__).with_name("planted_probe.py")

QUICK, ALL, NONE = "make test", "make test-all", "nothing"
FOUND_BY = {"quick": QUICK, "all": ALL, "none": NONE}
WRONG_CALL, NO_TEST_RAN = 4, 5  # exit statuses of pytest
NEAREST = 150
"""Tests that are tried first, because collecting all tests takes longer than running these."""


class FaultProblem(Exception):
    """A fault that does not apply, or a step whose previous step is missing."""


@dataclass(frozen=True)
class Fault:
    """One slip in one module."""

    name: str
    file: str
    kind: str
    shows: str
    old: str
    new: str
    tests: tuple[str, ...] = ()

    def applied(self, source: str) -> str:
        """Return the module with the fault in it.

        Raises:
            FaultProblem: the text does not occur exactly once, or the result is no Python.
        """
        count = source.count(self.old)
        if count != 1:
            raise FaultProblem(f"{self.name}: its text occurs {count} times in {self.file}")
        changed = source.replace(self.old, self.new)
        try:
            ast.parse(changed)
        except SyntaxError as error:
            raise FaultProblem(f"{self.name}: {self.file} is no Python with it: {error}") from None
        return changed

    def digest(self) -> str:
        """Return a text that differs for another change."""
        return digest(f"{self.file}\n{self.old}\n{self.new}")

    def line(self, source: str) -> int:
        """Return the number of the first line that the fault changes, from 1."""
        before = source.splitlines()
        after = [*self.applied(source).splitlines(), ""]
        return next(n for n, text in enumerate([*before, None], 1) if text != after[n - 1])


def read_faults() -> list[Fault]:
    """Read all faults.

    Raises:
        FaultProblem: two share a name, or one lacks a field.
    """
    faults: dict[str, Fault] = {}
    for file in sorted(FAULTS.glob("*.toml")):
        for entry in tomllib.loads(file.read_text(encoding="utf-8"))["fault"]:
            try:
                fault = Fault(**{**entry, "tests": tuple(entry.get("tests", ()))})
            except TypeError as error:
                raise FaultProblem(f"{file.name}: {entry.get('name')}: {error}") from None
            if fault.name in faults:
                raise FaultProblem(f"{file.name}: {fault.name} is there twice")
            faults[fault.name] = fault
    return list(faults.values())


def check(faults: Iterable[Fault]) -> None:
    """Raise FaultProblem unless each fault applies, and lies in a block or names its tests."""
    for fault in faults:
        source = (ROOT / fault.file).read_text(encoding="utf-8")
        fault.applied(source)
        if not fault.tests:
            block_of(source, fault)
        for test in fault.tests:
            if not (ROOT / test).exists():
                raise FaultProblem(f"{fault.name}: there is no {test}")


# ---- blocks: where probes go ----------------------------------------------------------------

WITHOUT_PROBES = (
    "nodeflow/engine/devicelib/",
    "nodeflow/engine/compiler/compile_kernel.py",
    "nodeflow/engine/compiler/frontend.py",
    "nodeflow/engine/compiler/helper_functions.py",
    "nodeflow/engine/compiler/numba_typing.py",
)
"""Code that numba compiles, and whose text is part of the key of every kernel."""


@dataclass(frozen=True)
class Block:
    """The body of a function or of a branch: the place of its probe, and its lines, from 1."""

    probe: int
    first: int
    last: int


def blocks(file: str, source: str) -> list[Block]:
    """Return the blocks of a module in the order of their first lines."""
    found = []
    lines = source.splitlines()
    if not file.startswith(WITHOUT_PROBES):
        for node in ast.walk(ast.parse(source)):
            for body in _bodies(node):
                start = 1 if _is_docstring(body[0]) and len(body) > 1 else 0
                own_line = _first(body[start]) > (_first(node) if isinstance(node, ast.stmt) else 0)
                is_elif = len(body) == 1 and _is_elif(lines, body[0])
                if own_line and not is_elif and not _is_docstring(body[start]):
                    last = body[-1].end_lineno or 0
                    found.append(Block(_first(body[start]), _first(body[0]), last))
    return sorted(found, key=lambda block: (block.first, -block.last))


def _bodies(node: ast.AST) -> list[list[ast.stmt]]:
    match node:
        case ast.FunctionDef() | ast.ExceptHandler() | ast.match_case():
            return [node.body]
        case ast.If():
            return [part for part in (node.body, node.orelse) if part]
    return []


def _first(statement: ast.stmt) -> int:
    decorators = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(d.lineno for d in decorators)])


def _is_elif(lines: list[str], statement: ast.stmt) -> bool:
    return lines[statement.lineno - 1].lstrip().startswith("elif ")


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def block_of(source: str, fault: Fault) -> int:
    """Return the number of the innermost block that a fault changes.

    Raises:
        FaultProblem: no block contains it, so importing the module executes it, or numba compiles
            it.
    """
    line = fault.line(source)
    around = [n for n, b in enumerate(blocks(fault.file, source)) if b.first <= line <= b.last]
    if not around:
        raise FaultProblem(f"{fault.name}: {fault.file}:{line} has no probe; name its tests")
    return around[-1]


def with_probes(file: str, source: str, start: int) -> str:
    """Return the module with a probe in each block; their numbers count from ``start``."""
    lines = source.splitlines()
    numbered = enumerate(blocks(file, source), start)
    for number, block in sorted(numbered, key=lambda one: -one[1].probe):
        text = lines[block.probe - 1]
        indent = text[: len(text) - len(text.lstrip())]
        lines.insert(block.probe - 1, f"{indent}_planted_probe({number})")
    return "\n".join(lines) + "\n"


class Copy:
    """A copy of the checkout for planting faults, with its own environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / ".venv" / "bin" / "python"

    def renew(self) -> None:
        """Bring the copy to the state of the checkout; kernels are kept."""
        kernels = self.folder.with_name(f"{self.folder.name}-cache")
        if (self.folder / ".cache").exists():
            (self.folder / ".cache").rename(kernels)
        elif not kernels.exists() and (ROOT / ".cache").exists():
            shutil.copytree(ROOT / ".cache", kernels)
        shutil.rmtree(self.folder, ignore_errors=True)
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.folder / name)
        if kernels.exists():
            kernels.rename(self.folder / ".cache")
        shutil.copy2(PROBE, self.folder / PROBE.name)
        self._make_environment()

    def _make_environment(self) -> None:
        """Make an environment with the checkout's packages and the copy's sources.

        It holds for processes with any environment variables.
        """
        venv.create(self.folder / ".venv", symlinks=True)
        packages = sysconfig.get_path("purelib", vars={"base": str(self.folder / ".venv")})
        here = sysconfig.get_path("purelib")
        (Path(packages) / "copy.pth").write_text(f"{self.folder}\n{here}\nimport planted_probe\n")
        for script in Path(sys.executable).parent.iterdir():
            place = self.python.with_name(script.name)
            if script.is_file() and not place.exists():
                text = script.read_bytes()
                place.write_bytes(
                    text.replace(sys.executable.encode(), str(self.python).encode(), 1)
                )
                place.chmod(0o755)

    def pytest(self, *arguments: str, limit: float | None = None) -> subprocess.CompletedProcess:
        """Run pytest in the copy. Raise TimeoutExpired after the limit in seconds."""
        command = [str(self.python), "-m", "pytest", "-q", "-p", "planted_probe", *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
        )

    def write(self, file: str, text: str) -> None:
        """Replace a module and forget its bytecode, which might look as new as the text."""
        path = self.folder / file
        path.write_text(text, encoding="utf-8")
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()


# ---- record: which tests execute which faults -----------------------------------------------


def record(jobs: int) -> None:
    """Run all tests with probes, or those that a stopped run with the same sources left."""
    copy = Copy(BUILD / "recording")
    copy.renew()
    starts: dict[str, tuple[int, str]] = {}
    count = 0
    for path in sorted((ROOT / "nodeflow").rglob("*.py")):
        file, source = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        copy.write(file, with_probes(file, source, count))
        starts[file] = count, digest(source)
        count += len(blocks(file, source))
    text, noted = json.dumps(starts), RECORD / "blocks.json"
    if not noted.exists() or noted.read_text() != text:
        shutil.rmtree(RECORD, ignore_errors=True)
        RECORD.mkdir(parents=True)
        noted.write_text(text)
    place = f"--planted-record={RECORD}"
    for selection in (
        ["-m", "not serial", "-n", str(jobs), "--dist", "worksteal"],
        ["-m", "serial"],
    ):
        done = copy.pytest(place, *selection)
        print(done.stdout[-3000:], flush=True)
    (RECORD / "complete").touch()


def digest(source: str) -> str:
    """Return a short text that differs for another source."""
    return sha256(source.encode()).hexdigest()


class Recorded:
    """The tests of a recording, and the code that each executes.

    Attributes:
        seconds: duration of each test that passed.

    Raises:
        FaultProblem: there is no recording.
    """

    def __init__(self) -> None:
        if not (RECORD / "complete").exists():
            raise FaultProblem("the record is not complete: planted_faults.py record")
        self._starts = json.loads((RECORD / "blocks.json").read_text())
        self.seconds: dict[str, float] = {}
        self._tests: dict[int, set[str]] = defaultdict(set)
        for file in sorted(RECORD.glob("*.tests")):
            run = [json.loads(line) for line in file.read_text().splitlines()]
            self.seconds.update((test, took) for test, took, passed in run if passed)
            pairs = np.unique(np.fromfile(file.with_suffix(".hits"), "<u8"))
            for block, number in zip((pairs & 0xFFFFFFFF).tolist(), (pairs >> 32).tolist()):
                if number < len(run) and run[number][2]:
                    self._tests[block].add(run[number][0])

    def of(self, fault: Fault) -> list[str]:
        """Return the tests that may find a fault, beginning with the tests of its package.

        Raises:
            FaultProblem: the module has changed since.
        """
        if fault.tests:
            return [t for t in self.seconds if any(_is_below(t, place) for place in fault.tests)]
        source = (ROOT / fault.file).read_text(encoding="utf-8")
        start, recorded = self._starts.get(fault.file, (0, ""))
        if recorded != digest(source):
            raise FaultProblem(
                f"{fault.file} has changed since the record: planted_faults.py record"
            )
        part = fault.file.split("/")[1].removesuffix(".py")
        return sorted(
            self._tests.get(start + block_of(source, fault), ()),
            key=lambda test: (f"/{part}/" not in test, self.seconds[test], test),
        )


def _is_below(test: str, place: str) -> bool:
    return test.startswith((f"{place}/", f"{place}::"))


# ---- try: plant each fault ------------------------------------------------------------------


def try_faults(faults: list[Fault], jobs: int, *, quick_only: bool) -> None:
    """Try the faults that have no result yet, several at once; keep each result at once."""
    recorded = Recorded()
    results = _results(read_faults())
    waiting = [f for f in faults if _is_open(results.get(f.name), quick_only)]
    copies: SimpleQueue[Copy] = SimpleQueue()
    lock = Lock()
    for number in range(jobs):
        copy = Copy(BUILD / f"copy-{number}")
        copy.renew()
        copies.put(copy)

    def one(fault: Fault) -> None:
        copy = copies.get()
        try:
            result = try_fault(copy, fault, recorded, results.get(fault.name), quick_only)
        finally:
            copies.put(copy)
        with lock:
            results[fault.name] = {**result, "fault": fault.digest()}
            RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True))
            print(f"{fault.name}: {FOUND_BY[result['found']]} {result['by']}", flush=True)

    with ThreadPoolExecutor(jobs) as threads:
        list(threads.map(one, waiting))


def _is_open(result: dict | None, quick_only: bool) -> bool:
    return result is None or (not quick_only and result["found"] == "none" and not result["all"])


def try_fault(
    copy: Copy, fault: Fault, recorded: Recorded, earlier: dict | None, quick_only: bool
) -> dict:
    """Plant one fault and run its tests. Return ``{"found": ..., "by": the test}``."""
    tests = recorded.of(fault)
    if earlier is None:
        by = _finds(copy, fault, tests, "not thorough", recorded)
        if by:
            return {"found": "quick", "by": by, "all": True}
    if quick_only:
        return {"found": "none", "by": "", "tests": len(tests), "all": False}
    by = _finds(copy, fault, tests, "thorough", recorded)
    return {"found": "all" if by else "none", "by": by, "tests": len(tests), "all": True}


def _first_failure(copy: Copy, tests: list[str], marks: str, recorded: Recorded) -> str:
    """Return the first test that fails, or "". The nearest tests are collected first, alone."""
    for some in (tests[:NEAREST], tests[NEAREST:]):
        failure = _failure_among(copy, some, marks, recorded) if some else ""
        if failure:
            return failure
    return ""


def _finds(copy: Copy, fault: Fault, tests: list[str], marks: str, recorded: Recorded) -> str:
    """Return the first test that fails with the fault and passes without it, or ""."""
    source = (ROOT / fault.file).read_text(encoding="utf-8")
    while True:
        copy.write(fault.file, fault.applied(source))
        failure = _first_failure(copy, tests, marks, recorded)
        copy.write(fault.file, source)
        test = failure.split(" ", 1)[-1]
        if test not in tests or not _failure_among(copy, [test], marks, recorded):
            return failure
        tests = [other for other in tests if other != test]


def _failure_among(copy: Copy, tests: list[str], marks: str, recorded: Recorded) -> str:
    listed = copy.folder / "planted_tests.txt"
    listed.write_text("\n".join(tests))
    files = sorted({test.split("::")[0] for test in tests})
    limit = 120 + 10 * sum(recorded.seconds[test] for test in tests)
    arguments = ["-x", "-m", marks, f"--planted-tests={listed}", "--tb=no", *files]
    try:
        done = copy.pytest(*arguments, limit=limit)
    except subprocess.TimeoutExpired:
        return f"no end within {limit:.0f} s"
    if done.returncode == WRONG_CALL:
        raise FaultProblem(f"pytest did not start: {done.stderr[-300:]}")
    if done.returncode in (0, NO_TEST_RAN):
        return ""
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return failed[0].split(" - ")[0] if failed else done.stdout[-300:] + done.stderr[-300:]


def _results(faults: list[Fault]) -> dict[str, dict]:
    """Return the results of the faults as they are described now."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    digests = {fault.name: fault.digest() for fault in faults}
    return {name: one for name, one in kept.items() if one.get("fault") == digests.get(name)}


# ---- report ---------------------------------------------------------------------------------


def report(faults: list[Fault]) -> Iterator[str]:
    """Yield the lines of a table by package, and of the faults that ``make test`` does not find."""
    results = _results(faults)
    by_part: dict[str, list[str]] = defaultdict(list)
    missed: list[tuple[str, Fault]] = []
    for fault in faults:
        found = results.get(fault.name, {}).get("found", "untried")
        by_part[fault.file.split("/")[1].removesuffix(".py")].append(found)
        if found != "quick":
            missed.append((FOUND_BY.get(found) or found, fault))
    yield "| part | faults | `make test` | `make test-all` |"
    yield "|---|---|---|---|"
    everything = [found for some in by_part.values() for found in some]
    for part, some in [*sorted(by_part.items()), ("all", everything)]:
        quick = some.count("quick")
        yield f"| {part} | {len(some)} | {quick} | {quick + some.count('all')} |"
    for found, fault in sorted(missed, key=lambda one: (one[0], one[1].file)):
        yield f"{found}: {fault.file}: {fault.name}: {fault.shows}"


def main() -> int:
    """Run one step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("step", choices=["check", "record", "try", "report"])
    parser.add_argument("names", nargs="*", help="only these faults")
    parser.add_argument("--jobs", type=int, default=2, help="how many processes (default 2)")
    parser.add_argument("--quick", action="store_true", help="only the tests of make test")
    options = parser.parse_intermixed_args()
    try:
        faults = read_faults()
        check(faults)
        chosen = [f for f in faults if not options.names or f.name in options.names]
        if options.step == "record":
            record(options.jobs)
        elif options.step == "try":
            try_faults(chosen, options.jobs, quick_only=options.quick)
        elif options.step == "report":
            print("\n".join(report(chosen)))
        else:
            print(f"{len(faults)} faults apply")
    except FaultProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
