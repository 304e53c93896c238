"""The tiers agree, and `auto` goes from one to the other without a pause."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.columns import Column
from nodeflow.engine.compiler import background, cache
from nodeflow.engine.compiler.compilation import State
from nodeflow.engine.compiler.compile_kernel import KernelError
from nodeflow.engine.session import Session
from nodeflow.errors import Cancelled, RunError
from nodeflow.graph.graph import Graph
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import number_kind
from nodeflow.ops.lowering import Elementwise as ElementwiseLowering
from tests.ops.evaluate import assert_equal, widened

from .graphs import images_and_labels, network

SKIPPED = ("variable", "placeholder", "assign", "print")
"""What needs a session around it, or writes to the terminal; tested elsewhere."""
MINIMUM_CASES = 1750
SOME = 8


def sample_ops():
    return [op for op in REGISTRY if not op.macro and op.id not in SKIPPED]


def outcome(graph, tensors, feeds, tier):
    """Values of a run, or its error's text."""
    with Session(graph, tier=tier, seed=5) as s:
        try:
            return s.run(tensors, feeds)
        except RunError as error:
            return str(error)


CLOSE = {"float64": 1e-12, "float32": 1e-5, "float16": 2**-10, "bfloat16": 2**-7}
"""Of half floats one unit in the last place."""


def assert_tiers_agree(op, samples):
    for sample in samples:
        graph = Graph()
        arrays = [np.asarray(a) for a in sample.inputs]
        fed = [graph.apply("placeholder", dtype=a.dtype.name, shape=a.shape) for a in arrays]
        tensors = list(graph.add_node(op, fed, sample.attrs).outputs)
        feeds = dict(zip(fed, arrays, strict=True))
        before = [a.copy() for a in arrays]
        compiled, reference = (outcome(graph, tensors, feeds, t) for t in ("compiled", "reference"))
        if isinstance(reference, str):
            assert compiled == reference
            continue
        for ours, theirs in zip(compiled, reference, strict=True):
            assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
            if number_kind(ours.dtype) == "f":
                close = CLOSE[ours.dtype.name]
                ours, theirs = (widened(a) for a in (ours, theirs))
                np.testing.assert_allclose(ours, theirs, rtol=close, atol=close / 10)
            else:
                np.testing.assert_array_equal(ours, theirs)
        for array, copy in zip(arrays, before, strict=True):
            assert_equal(array, copy)


def step(op) -> int:
    """The distance between those of its samples that the quick tests try: some eight of them."""
    return -(-len(list(op.samples())) // SOME)


@pytest.mark.parametrize("op", sample_ops(), ids=lambda op: op.id)
def test_compiled_equals_reference_on_some_samples(op):
    assert_tiers_agree(op, list(op.samples())[:: step(op)])


@pytest.mark.thorough
@pytest.mark.parametrize("op", [op for op in sample_ops() if step(op) > 1], ids=lambda op: op.id)
def test_compiled_equals_reference_on_the_other_samples(op):
    assert_tiers_agree(op, [s for n, s in enumerate(op.samples()) if n % step(op)])


@pytest.mark.thorough
def test_the_samples_are_many():
    assert sum(len(list(op.samples())) for op in sample_ops()) >= MINIMUM_CASES


@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize("op", ["accuracy", "top_k_accuracy"])
def test_what_fails_does_so_even_if_nothing_reads_it(tier, op):
    """The mean of no rows is NaN without looking; the search for a class among none fails."""
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 0], name="x")
        g.apply(op, x, x, name="measured")
        index = nf.placeholder("int64", [1], name="index")
        nf.ones_like(nf.gather(nf.constant([1.0, 2.0]), index), name="ones")
    with Session(g, tier=tier) as s:
        with pytest.raises(RunError, match="argmax of nothing"):
            s.run("measured", {"x": np.zeros((0, 0), "float32")})
        with pytest.raises(RunError, match="index 2"):
            s.run("ones", {"index": np.array([2])})


@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_that_names_no_class_is_refused(tier, label):
    """Beside labels that do: what lies there in memory are scores of another row."""
    with nf.Graph() as g:
        labels = nf.placeholder("int32", [3], name="labels")
        scores = nf.constant(np.eye(3, dtype="float32"))
        loss = g.apply("sparse_softmax_cross_entropy", labels, scores)
    with Session(g, tier=tier) as s, pytest.raises(RunError, match=f"label {label} is not one of"):
        s.run(loss, {"labels": [0, label, 2]})


@pytest.mark.sample(1)
@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_what_does_not_fit_into_memory_is_told_by_name_and_the_next_run_works(tier):
    """16 TiB each, which no machine gives."""
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None], name="x")
        huge = nf.broadcast_to(x, shape=[1 << 42], name="huge")
        v = nf.variable(1.0, name="v")
        nf.assign(v, v + nf.reduce_sum(nf.cumsum(huge)), name="step")
    given = {"x": np.ones(1, "float32")}
    with Session(g, tier=tier) as s:
        s.initialize()
        stepper = s.stepper(["step"], ["v"], {}, 1, feeds=given)
        for run in (lambda: s.run("step", given), lambda: stepper.run(1)):
            with pytest.raises(RunError, match="not enough memory") as caught:
                run()
            assert caught.value.node in ("huge", "cumsum")
        assert s.run("v") == 1.0


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_a_fetch_that_does_not_fit_into_memory_is_told_by_name(tier):
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None], name="x")
        nf.broadcast_to(x, shape=[1 << 42], name="huge")
    with Session(g, tier=tier) as s:
        for _ in range(2):
            with pytest.raises(RunError, match="not enough memory") as caught:
                s.run("huge", {"x": np.ones(1, "float32")})
            assert caught.value.node == "huge"


def test_a_run_that_fails_keeps_no_memory_for_its_fetches():
    """Fetches are computed where they stay; a plan that nobody runs again must not hold them."""
    with nf.Graph() as g:
        index = nf.placeholder("int64", [1], name="index")
        x = nf.placeholder("float32", [1 << 20], name="x")
        nf.add(x, 1.0, name="y")
        nf.gather(x, index, name="picked")
    given = {"x": np.zeros(1 << 20, "float32"), "index": np.array([1 << 20])}
    with Session(g, tier="compiled") as s:
        with pytest.raises(RunError, match="index"):
            s.run(["y", "picked"], given)
        (executor,) = s._prepared.executors.values()
        compiled = executor.compile_now()
        assert compiled.results and not set(compiled.results) & compiled._arrays.keys()
        assert s.run(["y", "picked"], {**given, "index": np.array([7])})[1] == 0


def unusual_graph(number):
    """A graph whose kernels nobody else has compiled."""
    with nf.Graph() as g:
        x = nf.placeholder("float64", [None, 3], name="x")
        y = nf.tanh(x * float(number)) + float(number) / 7
        nf.reduce_sum(nf.clip_by_value(y, -number, number), axis=1, name="y")
    return g


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NODEFLOW_CACHE_DIR", str(tmp_path))
    cache.forget_loaded()


@pytest.mark.thorough
def test_auto_answers_at_once_and_switches_when_compiled(empty_cache):
    g = unusual_graph(time.time_ns() % 10**6 + 2)
    fed = {"x": np.random.default_rng(0).random((4, 3))}
    with Session(g, tier="auto") as s:
        first = s.run("y", fed)
        assert s.tier == "reference"
        deadline = time.monotonic() + 60
        while s.tier == "reference" and time.monotonic() < deadline:
            found = s.run("y", fed)
            if s.tier == "reference":  # one that switches rounds as compiled
                np.testing.assert_array_equal(found, first)
            time.sleep(0.02)
        assert s.tier == "compiled"
        np.testing.assert_allclose(found, first, rtol=1e-12)
        np.testing.assert_allclose(s.run("y", fed), first, rtol=1e-12)
        assert s.executions["y"] >= 2


@pytest.mark.thorough
def test_auto_runs_a_stepper_from_the_first_step(empty_cache):
    net = network("float64", (12, 7, 10))
    images, labels = images_and_labels(60, 12)
    columns = {
        net.x: Column(images, "float64", scale=1 / 255),
        net.y: Column(labels, "float64", depth=10),
    }
    losses = {}
    for tier in ("auto", "reference"):
        with Session(net.graph, tier=tier) as s:
            s.initialize()
            stepper = s.stepper([net.train], [net.loss], columns, 10)
            got = []
            deadline = time.monotonic() + 60
            while len(got) < 40 or (tier == "auto" and stepper.tier == "reference"):
                stepper.start_epoch(np.arange(60))
                got += list(stepper.run(6)[1][:, 0])
                assert time.monotonic() < deadline
                time.sleep(0.05 if tier == "auto" else 0)
            losses[tier] = np.array(got[:40])
            if tier == "auto":
                assert stepper.compiled_since > 0
    np.testing.assert_allclose(losses["auto"], losses["reference"], rtol=1e-9)


@pytest.mark.thorough
def test_a_compiler_that_dies_leaves_the_reference(empty_cache, monkeypatch):
    compiler = background.BackgroundCompiler()
    monkeypatch.setattr(background, "background", lambda: compiler)
    with Session(unusual_graph(3), tier="auto") as s:
        fed = {"x": np.ones((2, 3))}
        s.run("y", fed)
        s.run("y", fed)
        compiler.close()
        for _ in range(5):
            s.run("y", fed)
            time.sleep(0.05)
        assert s.tier == "reference"


@pytest.fixture
def broken_exp(monkeypatch):
    """No kernel with an exponential compiles: neither here nor in the compiling process."""
    formula = ElementwiseLowering("no_such_function(x)", ("x",))
    monkeypatch.setattr(REGISTRY.lookup("exp"), "lower", lambda *_, **__: formula, raising=False)


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_kernel_that_does_not_compile_is_reported_by_node_and_the_reference_goes_on(broken_exp):
    failures = []
    with nf.Graph() as g:
        x = nf.placeholder("float64", [None, 3], name="x")
        nf.reduce_sum(nf.exp(x, name="grown") * 3.0, name="y")
    fed = {"x": np.zeros((2, 3))}
    with Session(g, tier="auto", on_compile_failure=failures.append) as s:
        s.run("y", fed)
        s.run("y", fed)
        wait_until(lambda: failures)
        assert "grown" in failures[0].nodes and "no_such_function" in failures[0].message
        assert s.run("y", fed) == 18 and s.tier == "reference"
    assert len(failures) == 1


def test_steps_whose_kernel_does_not_compile_go_on_by_reference(broken_exp, caplog):
    with nf.Graph() as g:
        n = nf.variable([1.0, 2.0], name="n")
        nf.assign(n, n + nf.exp(n * 0.0, name="grown"), name="step")
        nf.reduce_sum(n, name="total")
    with Session(g, tier="auto") as s:
        s.initialize()
        stepper = s.stepper(["step"], ["total"], {}, 1)
        totals = list(stepper.run(2)[1][:, 0])
        wait_until(lambda: caplog.records)
        totals += list(stepper.run(3)[1][:, 0])
        assert (stepper.tier, stepper.compiled_since) == ("reference", None)
    assert totals == [3, 5, 7, 9, 11]
    assert "grown" in caplog.records[0].getMessage()  # without a callback, the log says it


def test_the_compiled_tier_names_the_node_whose_kernel_does_not_compile(broken_exp):
    with nf.Graph() as g:
        nf.exp(nf.placeholder("float32", [None], name="x"), name="grown")
    with Session(g, tier="compiled") as s, pytest.raises(KernelError) as caught:
        s.run("grown", {"x": np.zeros(2, "float32")})
    assert caught.value.node == "grown"


def test_a_closed_session_reports_no_failure(broken_exp):
    failures = []
    with nf.Graph() as g:
        nf.exp(nf.placeholder("float32", [None], name="x"), name="grown")
    with Session(g, tier="auto", on_compile_failure=failures.append) as s:
        for _ in range(2):
            s.run("grown", {"x": np.zeros(2, "float32")})
        (executor,) = s._prepared.executors.values()
        compilation = executor._compilation
        job = compilation._job
        assert job is not None and compilation.state is State.COMPILING
    assert job.wait(60) and job.failure is not None
    assert not failures and compilation.state is State.CANCELLED


def test_ops_without_a_kernel_run_between_compiled_ones():
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 4], name="x")
        shown = g.apply("print", nf.exp(x), message="values")
        total = nf.reduce_sum(shown * 2.0, axis=1, name="total")
    fed = {x: np.arange(8, dtype="float32").reshape(2, 4) / 8}
    with Session(g, tier="compiled") as s:
        np.testing.assert_allclose(s.run(total, fed), 2 * np.exp(fed[x]).sum(1), rtol=1e-6)


def test_both_threads_take_part_in_independent_branches():
    """Two chains of products share each level; see benchmarks/engine.py for how busy cores are."""
    with nf.Graph() as g:
        x = nf.placeholder("float32", [256, 256], name="x")
        left, right = x, x
        for _ in range(6):
            left, right = nf.matmul(left, x), nf.matmul(right, x)
        nf.add(left, right, name="sum")
    value = (np.random.default_rng(0).random((256, 256)) / 128).astype("float32")
    with Session(g, tier="compiled", threads=2) as s:
        s.run("sum", {x: value})
        before = thread_times()
        deadline = time.monotonic() + 30
        working: list[str] = []
        while len(working) < 2 and time.monotonic() < deadline:
            s.run("sum", {x: value})
            working = [t for t, used in thread_times().items() if used > before.get(t, 0)]
    assert len(working) >= 2


def thread_times():
    """CPU seconds of each thread of this process."""
    from pathlib import Path

    times = {}
    tasks = Path("/proc/self/task")
    if not tasks.exists():
        pytest.skip("needs /proc")
    for task in tasks.iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that is over by now
            fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
            times[task.name] = (int(fields[11]) + int(fields[12])) / 100
    return times


@pytest.mark.thorough
@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_a_run_can_be_cancelled_from_another_thread(tier):
    with nf.Graph() as g:
        y = x = nf.placeholder("float32", [700, 700], name="x")
        for _ in range(400):
            y = nf.matmul(y, x)
        v = nf.variable(1.0, name="v")
        nf.assign(v, nf.reduce_sum(y), name="step")
    with Session(g, tier=tier) as s:
        s.initialize()
        timer = threading.Timer(0.5, s.cancel)
        timer.start()
        started = time.monotonic()
        with pytest.raises(Cancelled):
            s.run("step", {x: np.zeros((700, 700), "f4")})
        assert time.monotonic() - started < 5
        assert s.variables["v"] == 1
        assert s.run("v") == 1


@pytest.mark.thorough
def test_the_session_needs_no_compiler_to_load_cached_kernels():
    """A second start imports neither numba nor its compiler."""
    program = (
        "import sys, numpy as np, nodeflow as nf\n"
        "g = nf.Graph()\n"
        "with g:\n"
        "    x = nf.placeholder('float32', [None], name='x')\n"
        "    y = nf.exp(x) + 1.0\n"
        "s = nf.Session(g, tier='compiled')\n"
        "print(s.run(y, {x: np.zeros(3, 'f4')}).tolist(), 'numba' in sys.modules)\n"
    )
    results = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert results[1].stdout == "[2.0, 2.0, 2.0] False\n"
