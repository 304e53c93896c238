"""The state machine of compiling: every transition, with a compiler that does as it is told."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest

from nodeflow.engine.compiler.background import Job, KernelFailure
from nodeflow.engine.compiler.compilation import Compilation, State
from nodeflow.engine.compiler.compile_kernel import KernelError
from nodeflow.engine.compiler.object_code import MissingSymbols
from nodeflow.engine.events import CompileFailure
from nodeflow.engine.waiting import Interrupted, never

KERNELS = {"dispatch": (), "first": ("x", "y"), "second": ("z",)}


class FakeCompiler:
    """Has nothing cached; finishes jobs when the test says so."""

    def __init__(self) -> None:
        self.cached = False
        self.jobs: list[Job] = []
        self.waited_for: list[list[str]] = []

    def all_cached(self, sources):
        assert list(sources) == list(KERNELS)
        return self.cached

    def submit(self, sources):
        self.jobs.append(Job(sources))
        return self.jobs[-1]

    def compile_all(self, sources, interrupted=never):
        self.waited_for.append(list(sources))
        return not interrupted()


class Case:
    """A compilation whose parts record what they are asked for."""

    def __init__(self, plan: str | None = "plan") -> None:
        self.compiler = FakeCompiler()
        self.reports: list[CompileFailure] = []
        self.planned = self.loaded = 0
        self.loading_fails: BaseException | None = None
        self._plan = plan
        self.compilation = Compilation(
            self._make_plan, lambda _: KERNELS, self._load, self.reports.append, self.compiler
        )

    def _make_plan(self):
        self.planned += 1
        return self._plan

    def _load(self, plan):
        self.loaded += 1
        if self.loading_fails is not None:
            raise self.loading_fails
        return f"compiled {plan}"

    @property
    def state(self) -> State:
        return self.compilation.state


@pytest.fixture
def case() -> Case:
    return Case()


def test_it_begins_idle_and_plans_nothing(case):
    assert case.state is State.IDLE and case.planned == 0
    assert case.compilation.result is None and not case.compilation.unavailable


def test_missing_kernels_compile_in_the_background_and_the_next_poll_switches(case):
    poll = case.compilation.poll
    assert poll() is None and case.state is State.COMPILING
    (job,) = case.compiler.jobs
    assert job.sources == list(KERNELS)
    assert poll() is None and poll() is None
    assert (case.planned, case.loaded, len(case.compiler.jobs)) == (1, 0, 1)
    job.finish(None)
    assert case.state is State.COMPILED and case.loaded == 0  # a run may be going on: no switch yet
    assert poll() == "compiled plan" and case.state is State.READY
    assert poll() == "compiled plan"
    assert (case.planned, case.loaded, case.reports) == (1, 1, [])


def test_cached_kernels_are_loaded_at_the_first_poll(case):
    case.compiler.cached = True
    assert case.compilation.poll() == "compiled plan"
    assert case.state is State.READY and not case.compiler.jobs


@pytest.mark.parametrize("method", ["poll", "complete"])
def test_without_a_plan_there_is_nothing_to_compile(method):
    case = Case(plan=None)
    for _ in range(3):
        assert getattr(case.compilation, method)() is None
    assert case.state is State.UNAVAILABLE and case.compilation.unavailable
    assert case.planned == 1 and not case.compiler.jobs and not case.compiler.waited_for


def test_a_kernel_that_does_not_compile_fails_at_once_and_names_its_nodes(case):
    case.compilation.poll()
    case.compiler.jobs[0].finish(KernelFailure("first", "KernelError: no"))
    assert case.state is State.FAILED
    assert case.reports == [CompileFailure(("x", "y"), "KernelError: no")]  # without another poll
    assert "x, y" in str(case.reports[0]) and "KernelError: no" in str(case.reports[0])
    assert case.compilation.poll() is None and case.loaded == 0
    assert len(case.compiler.jobs) == 1 and len(case.reports) == 1


@pytest.mark.parametrize("source", [None, "dispatch", "unheard of"])
def test_a_failure_that_is_no_nodes_fault_names_none(case, source):
    case.compilation.poll()
    case.compiler.jobs[0].finish(KernelFailure(source, "the process ended"))
    assert case.reports == [CompileFailure((), "the process ended")]


def test_a_failure_before_submit_returns_is_reported_too(case, monkeypatch):
    def dead(sources):
        job = Job(sources)
        job.finish(KernelFailure("second", "cannot be reached"))
        return job

    monkeypatch.setattr(case.compiler, "submit", dead)
    assert case.compilation.poll() is None
    assert case.state is State.FAILED and case.reports[0].nodes == ("z",)


@pytest.mark.parametrize(
    "error, nodes",
    [
        (KernelError("no", node="x"), ("x",)),
        (MissingSymbols("sin"), ()),
        (RuntimeError("no object file"), ()),
        (OSError("gone"), ()),
    ],
)
def test_kernels_that_do_not_load_fail_and_the_reference_goes_on(case, error, nodes):
    case.compiler.cached = True
    case.loading_fails = error
    assert case.compilation.poll() is None and case.state is State.FAILED
    assert case.reports[0].nodes == nodes and str(error) in case.reports[0].message
    assert case.compilation.poll() is None and case.loaded == 1


def test_what_is_not_the_compilers_fault_is_raised_and_tried_again(case):
    """Memory that is missing now may be there at the next run."""
    case.compiler.cached = True
    case.loading_fails = MemoryError()
    for _ in range(2):
        with pytest.raises(MemoryError):
            case.compilation.poll()
        assert case.state is State.COMPILED
    case.loading_fails = None
    assert case.compilation.poll() == "compiled plan" and not case.reports


@pytest.mark.thorough
def test_waiting_ends_when_the_compiler_is_done(case):
    case.compilation.poll()
    job = case.compiler.jobs[0]
    thread = threading.Timer(0.1, job.finish, (None,))
    thread.start()
    assert case.compilation.waited(never) == "compiled plan" and case.state is State.READY
    assert job.done and len(case.compiler.jobs) == 1 and not case.compiler.waited_for
    thread.join()
    assert case.compilation.waited(never) == "compiled plan" and case.loaded == 1


def test_waiting_begins_what_was_not_begun(case, monkeypatch):
    submit = case.compiler.submit

    def at_once(sources):
        job = submit(sources)
        job.finish(None)
        return job

    monkeypatch.setattr(case.compiler, "submit", at_once)
    assert case.compilation.waited(never) == "compiled plan" and case.planned == 1


def test_who_is_interrupted_waits_no_longer_and_gets_it_later(case):
    asked: list[int] = []

    def interrupted() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(Interrupted):
        case.compilation.waited(interrupted)
    assert case.state is State.COMPILING
    assert len(asked) == 3 and case.loaded == 0
    case.compiler.jobs[0].finish(None)
    assert case.compilation.poll() == "compiled plan"


def test_waiting_in_vain_is_reported_and_the_reference_goes_on(case):
    case.compilation.poll()
    case.compiler.jobs[0].finish(KernelFailure("first", "KernelError: no"))
    assert case.compilation.waited(never) is None and case.state is State.FAILED
    assert [report.nodes for report in case.reports] == [("x", "y")]
    assert Case(plan=None).compilation.waited(never) is None


def test_complete_compiles_and_waits(case):
    assert case.compilation.complete() == "compiled plan" == case.compilation.poll()
    assert case.state is State.READY and case.compiler.waited_for == [list(KERNELS)]
    assert case.compilation.complete() == "compiled plan" and case.loaded == 1


def test_who_is_interrupted_completes_nothing_and_may_try_again(case):
    with pytest.raises(Interrupted):
        case.compilation.complete(lambda: True)
    assert case.state is State.IDLE and case.loaded == 0 and not case.reports
    assert case.compilation.complete() == "compiled plan" and case.planned == 1


def test_complete_overtakes_the_background_whose_answer_then_changes_nothing(case):
    case.compilation.poll()
    assert case.compilation.complete() == "compiled plan"
    case.compiler.jobs[0].finish(KernelFailure("first", "too late"))
    assert case.state is State.READY and not case.reports and case.planned == 1


def test_complete_raises_what_fails_and_may_be_tried_again(case):
    case.loading_fails = KernelError("no", node="x")
    with pytest.raises(KernelError, match="x"):
        case.compilation.complete()
    assert case.state is State.FAILED and not case.reports
    assert case.compilation.poll() is None
    case.loading_fails = None
    assert case.compilation.complete() == "compiled plan" and case.state is State.READY


def test_an_interrupt_while_waiting_leaves_everything_to_do(case):
    case.loading_fails = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        case.compilation.complete()
    assert case.state is State.IDLE
    case.loading_fails = None
    assert case.compilation.poll() is None and case.state is State.COMPILING


@pytest.mark.parametrize("failure", [None, KernelFailure("first", "no")])
def test_what_a_cancelled_job_answers_is_not_heard(case, failure):
    case.compilation.poll()
    case.compilation.cancel()
    assert case.state is State.CANCELLED
    case.compiler.jobs[0].finish(failure)
    assert case.state is State.CANCELLED and not case.reports
    assert case.compilation.poll() is None and case.loaded == 0


def test_cancelling_before_and_between(case):
    case.compilation.cancel()
    assert case.compilation.poll() is None
    assert case.state is State.CANCELLED and case.planned == 0
    other = Case()
    other.compilation.poll()
    other.compiler.jobs[0].finish(None)
    other.compilation.cancel()
    assert other.compilation.poll() is None and other.state is State.CANCELLED


def test_cancelling_does_not_take_back_what_ended(case):
    case.compiler.cached = True
    case.compilation.poll()
    case.compilation.cancel()
    assert case.state is State.READY and case.compilation.poll() == "compiled plan"
    failed = Case()
    failed.compilation.poll()
    failed.compiler.jobs[0].finish(KernelFailure("first", "no"))
    failed.compilation.cancel()
    assert failed.state is State.FAILED


@pytest.mark.thorough
def test_an_answer_from_another_thread_and_polls_do_not_disturb_each_other():
    for failure in (None, KernelFailure("second", "no")):
        for _ in range(50):
            case = Case()
            case.compilation.poll()
            thread = threading.Thread(target=case.compiler.jobs[0].finish, args=(failure,))
            thread.start()
            while case.state in (State.COMPILING, State.COMPILED):
                case.compilation.poll()
            thread.join()
            assert case.state is (State.READY if failure is None else State.FAILED)
            assert case.loaded == (failure is None) and len(case.reports) == (failure is not None)


@pytest.mark.thorough
def test_the_worker_says_which_kernel_does_not_compile(tmp_path, monkeypatch):
    monkeypatch.setenv("NODEFLOW_CACHE_DIR", str(tmp_path))
    good = "def kernel(args, task, ntasks):\n    pass\n"
    bad = "def kernel(args, task, ntasks):\n    unheard_of(args)\n"
    jobs = ([good], [good, bad, good], [good], [])
    lines = "".join(json.dumps([n, sources]) + "\n" for n, sources in enumerate(jobs))
    process = subprocess.Popen(
        [sys.executable, "-m", "nodeflow.engine.compiler.worker"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(lines)
    process.stdin.flush()
    found = [json.loads(process.stdout.readline()) for _ in jobs]
    process.stdin.close()
    assert process.wait(60) == 0 and not process.stdout.read()
    answers = {job: (failed, compiled) for job, failed, compiled in found}
    assert answers.keys() == {0, 1, 2, 3} and answers[3] == (None, 0)
    assert answers[0][0] is None and answers[2][0] is None
    index, message = answers[1][0]
    assert index == 1
    assert message.startswith("KernelError") and "unheard_of" in message
    assert sum(compiled for _, compiled in answers.values()) == 1, "each kernel once"
