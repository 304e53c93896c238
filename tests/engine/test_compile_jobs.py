"""The process that compiles: which kernel is next, processes that end, jobs that fail."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from nodeflow.engine import warm_up
from nodeflow.engine.compiler import background, cache
from nodeflow.engine.compiler.background import BackgroundCompiler
from nodeflow.engine.compiler.jobs import Answer, Jobs
from nodeflow.engine.kernels.base_kernels import base_sources


def taken(jobs: Jobs) -> list[str]:
    found = []
    while (source := jobs.next()) is not None:
        found.append(source)
    return found


def test_sources_come_in_their_order_and_the_newest_job_first() -> None:
    jobs = Jobs()
    assert jobs.add(0, ["a", "b", "c"]) == []
    assert jobs.next() == "a"
    assert jobs.add(1, ["x", "b"]) == []
    assert taken(jobs) == ["x", "b", "c"], "what another job has begun is not begun again"
    assert jobs.done("b", True) == []
    assert jobs.done("x", False) == [Answer(1, None, 0)]
    assert jobs.done("a", True) == []
    assert jobs.done("c", True) == [Answer(0, None, 3)], "each counts once"
    assert jobs.next() is None


def test_a_job_fails_with_its_first_error_and_needs_no_more() -> None:
    jobs = Jobs()
    jobs.add(0, ["good", "bad", "rest"])
    jobs.add(1, ["bad"])
    assert taken(jobs) == ["bad", "good", "rest"]
    assert jobs.done("bad", False, "no") == [Answer(0, (1, "no"), 0), Answer(1, (0, "no"), 0)]
    assert jobs.done("good", True) == [] and jobs.done("rest", True) == []
    jobs.add(2, ["rest", "good"])
    assert taken(jobs) == ["rest", "good"]


def test_long_sources_come_first() -> None:
    """They take longest, and what comes last keeps one process busy and the others idle."""
    jobs = Jobs()
    jobs.add(0, ["aa", "b", "cccc", "dd"])
    assert taken(jobs) == ["cccc", "aa", "dd", "b"]


def test_a_job_without_sources_is_done_at_once() -> None:
    assert Jobs().add(7, []) == [Answer(7, None, 0)]


def test_every_job_is_answered_once_whatever_the_order() -> None:
    draw = random.Random(2)
    for _ in range(100):
        jobs, running, answers = Jobs(), list[str](), list[Answer]()
        wanted = {n: draw.sample("abcdef", draw.randrange(5)) for n in range(5)}
        bad = set(draw.sample("abcdef", 2))
        for number, sources in wanted.items():
            answers += jobs.add(number, sources)
            while draw.random() < 0.6 and (source := jobs.next()) is not None:
                running.append(source)
            if running and draw.random() < 0.5:
                source = running.pop(draw.randrange(len(running)))
                answers += jobs.done(source, True, "bad" if source in bad else "")
        while True:
            running += taken(jobs)
            if not running:
                break
            source = running.pop()
            answers += jobs.done(source, True, "bad" if source in bad else "")
        assert sorted(answer.job for answer in answers) == [*wanted]
        for answer in answers:
            assert (answer.failed is not None) == (not bad.isdisjoint(wanted[answer.job]))
            assert answer.failed is None or wanted[answer.job][answer.failed[0]] in bad


# ---- the process --------------------------------------------------------------------------------


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """One with an empty cache of its own."""
    monkeypatch.setenv("NODEFLOW_CACHE_DIR", str(tmp_path))
    made = BackgroundCompiler()
    yield made
    made.close()


def kernel(number: int) -> str:
    text = "from nodeflow.engine.devicelib.intrinsics import set_slot\n"
    return f"{text}def kernel(args, task, ntasks):\n    set_slot(args, 0, {number})\n"


@pytest.mark.thorough
def test_many_kernels_are_compiled_and_loaded(compiler: BackgroundCompiler) -> None:
    sources = [kernel(number) for number in range(12)]
    assert not compiler.is_running
    first, second = compiler.submit(sources), compiler.submit(sources[3:5])
    assert first.wait(120) and second.wait(120)
    assert first.failure is None and second.failure is None
    assert compiler.is_running and compiler.all_cached(sources)
    assert {cache.kernel_key(source) for source in sources} <= cache._loaded.keys()


def children_of(pid: int) -> list[int]:
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                parent = (each / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if int(parent) == pid:
                found.append(int(each.name))
    return found


def wait_for(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_processes_that_are_killed_fail_no_later_job(compiler: BackgroundCompiler) -> None:
    assert compiler.submit([kernel(0)]).wait(120)
    assert compiler._process is not None
    worker = compiler._process.pid
    for child in children_of(worker):
        os.kill(child, signal.SIGKILL)
    wait_for(lambda: not children_of(worker))
    job = compiler.submit([kernel(number) for number in range(1, 5)])
    assert job.wait(120) and job.failure is None


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_no_process_outlives_the_one_that_it_compiles_for(compiler: BackgroundCompiler) -> None:
    job = compiler.submit([kernel(number) for number in range(8)])
    assert compiler._process is not None
    worker = compiler._process.pid
    wait_for(lambda: children_of(worker))
    children = children_of(worker)
    compiler.close()
    assert job.wait(60)
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


@pytest.mark.thorough
def test_a_worker_that_dies_is_started_again(compiler: BackgroundCompiler) -> None:
    assert compiler.submit([kernel(0)]).wait(120)
    assert compiler._process is not None
    compiler._process.kill()
    compiler._process.wait()
    job = compiler.submit([kernel(1)])
    assert job.wait(120) and job.failure is None


def test_waiting_lets_the_worker_compile_if_there_is_one(
    compiler: BackgroundCompiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(compiler, "submit", lambda sources: asked.append(sources) or _Done())
    monkeypatch.setattr(background, "WORTH_A_PROCESS", 3)
    monkeypatch.setitem(sys.modules, "numba", sys)  # the compiler is here already
    compiler.compile_all([kernel(100), kernel(101)])
    assert not asked, "a few are compiled here"
    compiler.compile_all([kernel(100), kernel(101), kernel(102), kernel(100)])
    assert asked == [[kernel(100), kernel(101), kernel(102)]]
    monkeypatch.delitem(sys.modules, "numba")
    compiler.compile_all([kernel(100), kernel(101)])
    assert asked[1:] == [[kernel(100), kernel(101)]], "importing it here takes as long"


class _Done:
    def wait(self, timeout: float | None = None) -> bool:
        return True


def test_a_caller_that_is_interrupted_waits_no_longer(
    compiler: BackgroundCompiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = background.Job([kernel(300), kernel(301)])
    monkeypatch.setattr(compiler, "submit", lambda sources: job)
    monkeypatch.setattr(background, "WORTH_A_PROCESS", 2)
    asked: list[int] = []

    def interrupted() -> bool:
        asked.append(1)
        return len(asked) == 3

    assert not compiler.compile_all(job.sources, interrupted) and len(asked) == 3
    job.finish(None)
    assert compiler.compile_all(job.sources, interrupted) and len(asked) == 3


@pytest.mark.thorough
def test_the_worker_is_started_early_where_no_kernel_was_ever_compiled(
    compiler: BackgroundCompiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_up, "background", lambda: compiler)
    assert cache.is_empty()
    warm_up.begin_to_compile()
    assert compiler.is_running
    # Those that earlier tests loaded count as cached, so the folder says when one was written.
    wait_for(lambda: compiler.all_cached(base_sources()) and not cache.is_empty())
    compiler.close()
    warm_up.begin_to_compile()
    assert not compiler.is_running


@pytest.mark.thorough
def test_the_worker_ends_when_nothing_is_to_compile_and_comes_again(
    compiler: BackgroundCompiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "IDLE_SECONDS", 0.05)
    job = compiler.submit([kernel(900)])
    worker = compiler._process
    assert worker is not None
    wait_for(lambda: worker.poll() is not None)
    assert job.wait(60) and job.failure is None and not compiler.is_running
    assert compiler.submit([kernel(901)]).wait(60)
