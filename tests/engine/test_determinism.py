"""Nothing but graph, feeds and seed decides a number: not processes, threads, fetches or caches."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.columns import Column
from nodeflow.engine.compiler import background, cache
from nodeflow.engine.session import Session

from .graphs import NAMES, images_and_labels, network
from .random_graphs import build, inputs, program

SIZES = (12, 7, 10)


def train(extra=(), between=None, activation=None):
    """Losses and weights of 20 steps; ``extra`` scalars are recorded too, ``between`` runs after
    every fourth step."""
    net = network("float32", SIZES)
    images, labels = images_and_labels(200, 12)
    data = {
        net.x: Column(images, "float32", scale=1 / 255),
        net.y: Column(labels, "float32", depth=10),
    }
    scalars = [net.loss]
    with net.graph:
        for name in extra:
            scalars.append(nf.reduce_mean(net.graph.tensor(name), name=f"plot_{name}"))
    with Session(net.graph, tier="compiled") as session:
        session.initialize()
        stepper = session.stepper([net.train], scalars, data, 10)
        stepper.start_epoch(np.arange(200))
        losses = []
        for _ in range(5):
            losses.append(stepper.run(4)[1][:, 0])
            if between is not None:
                between(session, net)
        return [np.concatenate(losses), *(session.variables[n] for n in NAMES)]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_adding_a_plot_changes_no_training_number():
    assert same(train(), train(extra=("p", "W1", "b2", "relu", "matmul_1")))


def test_a_validation_in_between_changes_no_training_number():
    images, labels = images_and_labels(64, 12)

    def validate(session, net):
        fed = {
            net.x: Column(images, "float32", scale=1 / 255).rows(slice(0, 64)),
            net.y: Column(labels, "float32", depth=10).rows(slice(0, 64)),
        }
        assert np.isfinite(session.run([net.loss, net.probabilities, "W1"], fed)[0])

    assert same(train(), train(between=validate))


@pytest.mark.parametrize("seed", [3, 14])
def test_a_fetch_inside_a_fused_cluster_gives_the_same_bits(seed):
    graph, fed, values, total = build(program(seed, 14, kinks=True), "float32")
    feeds = dict(zip(fed, inputs(seed, "float32", ties=False)))
    with Session(graph, tier="compiled") as session:
        alone = session.run(total, feeds)
        together = session.run([total, *values], feeds)
        assert np.array_equal(alone, together[0])
        for value, expected in list(zip(values, together[1:]))[::5]:
            assert np.array_equal(session.run(value, feeds), expected)


def test_two_sessions_in_two_threads_are_as_one_after_the_other():
    expected = train()
    found = [None, None]

    def work(place):
        found[place] = train()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert all(result is not None and same(expected, result) for result in found)


THREADED = """
import os, sys
import numpy as np
if sys.argv[1] == "pinned":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from tests.engine.graphs import NAMES, images_and_labels, network
from nodeflow.engine.columns import Column
from nodeflow.engine.session import Session
images, labels = images_and_labels(600)
for threads in (1, 2, 3, 8):
    net = network("float32")
    data = {net.x: Column(images, "float32", scale=1 / 255),
            net.y: Column(labels, "float32", depth=10)}
    with Session(net.graph, tier="compiled", threads=threads) as session:
        session.initialize()
        stepper = session.stepper([net.train], [net.loss], data, 200)
        stepper.start_epoch(np.arange(600))
        losses = stepper.run(3)[1]
        digits = b"".join(np.ascontiguousarray(a).tobytes()
                          for a in (losses, *(session.variables[n] for n in NAMES)))
    print(hash(digits))
"""


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cannot pin to a core here")
def test_training_has_the_same_bits_with_any_number_of_threads_on_one_core_and_on_all(root):
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": "0"}
    environment.pop("OPENBLAS_NUM_THREADS", None)
    command = [sys.executable, "-W", "ignore", "-c", THREADED]
    found = []
    for where in ("pinned", "free"):
        done = subprocess.run(
            [*command, where],
            env=environment,
            text=True,
            capture_output=True,
            timeout=240,
            cwd=root,
        )
        assert done.returncode == 0, done.stderr
        found += done.stdout.split()
    assert len(found) == 8 and len(set(found)) == 1


# ---- processes and the cache ------------------------------------------------------------------

PROGRAM = """
import numpy as np, nodeflow as nf
from nodeflow.engine.compiler import cache
with nf.Graph() as g:
    x = nf.placeholder("float32", [None, 3], name="x")
    v = nf.variable([1.0, 2.0, 3.0], name="v")
    nf.tanh(nf.erf(x) * v + 0.3, name="y")
    nf.assign(v, v * 0.5 + 0.3, name="step")
session = nf.Session(g, tier="compiled", threads=2)
session.initialize()
fed = {"x": (np.arange(60, dtype="f4") / 50).reshape(20, 3)}
def bits():
    return b"".join(np.asarray(a).tobytes() for a in session.run(["y", "step"], fed)).hex()
"""


def start(code: str, cache_dir: Path, path: Path | None = None) -> subprocess.Popen:
    environment = {**os.environ, "NODEFLOW_CACHE_DIR": str(cache_dir)}
    environment.pop("OPENBLAS_NUM_THREADS", None)  # as many as BLAS takes in a user's program
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM + code]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=path,
    )  # fmt: skip


def output(process: subprocess.Popen) -> list[str]:
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return out.split()


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache folder with the program's kernels, and the bits of its answer."""
    folder = tmp_path_factory.mktemp("warm")
    bits, compiled = output(start("print(bits(), cache.compile_count())", folder))
    assert int(compiled) > 0
    return folder, bits


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_after_a_run_gives_the_same_bits_in_both(warm):
    code = (
        "import os, sys\n"
        "bits()\n"
        "child = os.fork()\n"
        "answer = bits()\n"
        "sys.stdout.write(answer + '\\n'); sys.stdout.flush()\n"
        "if not child: os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
    )
    one, two = output(start(code, warm[0]))
    assert one == two


@pytest.mark.thorough
def test_eight_processes_from_an_empty_cache(tmp_path, warm):
    processes = [start("print(bits())", tmp_path) for _ in range(8)]
    assert [output(p) for p in processes] == [[warm[1]]] * 8
    assert not list(tmp_path.rglob(".new-*"))
    assert output(start("print(bits(), cache.compile_count())", tmp_path)) == [warm[1], "0"]


@pytest.mark.thorough
def test_truncated_cache_files_are_compiled_again(tmp_path, warm):
    folder, bits = warm
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    whole = kernel_sizes(folder)
    for number, kernel in enumerate(sorted(tmp_path.rglob("*.kernel"))):
        data = kernel.read_bytes()
        kernel.write_bytes(data[: 10 + 400 * number % (len(data) - 10)])
    assert not set(kernel_sizes(tmp_path).items()) & set(whole.items())
    assert output(start("print(bits())", tmp_path)) == [bits]
    assert kernel_sizes(tmp_path).keys() == whole.keys()
    assert min(kernel_sizes(tmp_path).values()) > 1000


def kernel_sizes(folder: Path) -> dict[str, int]:
    return {k.name: k.stat().st_size for k in folder.rglob("*.kernel")}


@pytest.mark.thorough
def test_an_edited_helper_changes_the_numbers_in_spite_of_the_cache(tmp_path, warm, root):
    package = tmp_path / "nodeflow"
    shutil.copytree(root / "nodeflow", package, ignore=shutil.ignore_patterns("__pycache__", "ui"))
    shutil.copytree(warm[0], tmp_path / "cache")
    code = "print(nf.__file__, bits())"
    assert output(start(code, tmp_path / "cache", tmp_path)) == [
        str(package / "__init__.py"),
        warm[1],
    ]
    helper = package / "engine" / "devicelib" / "exponentials.py"
    text = helper.read_text()
    assert text.count("def _tanh_f32(x):\n") == 1
    helper.write_text(text.replace("def _tanh_f32(x):\n", "def _tanh_f32(x):\n    x = x + x\n"))
    assert output(start(code, tmp_path / "cache", tmp_path))[1] != warm[1]


@pytest.mark.thorough
def test_a_one_node_edit_compiles_only_what_it_touches(tmp_path, monkeypatch):
    """A chain of products and distinct elementwise work; one activation in the middle changes."""
    monkeypatch.setenv("NODEFLOW_CACHE_DIR", str(tmp_path))
    cache.forget_loaded()
    helper = background.BackgroundCompiler()  # one that knows of this folder
    monkeypatch.setattr(background, "background", lambda: helper)

    def compiled(middle) -> int:
        """New kernels, whichever process compiled them."""
        before, counted = len(kernel_sizes(tmp_path)), cache.compile_count()
        with nf.Graph() as graph:
            x = y = nf.placeholder("float32", [4, 4], name="x")
            for k, function in enumerate((nf.sin, nf.cos, middle, nf.exp, nf.sigmoid)):
                y = nf.matmul(function(y * (0.25 + k)), x)
        with Session(graph, tier="compiled") as session:
            session.run(y, {x: np.eye(4, dtype="float32")})
        new = len(kernel_sizes(tmp_path)) - before
        assert cache.compile_count() - counted == new
        return new

    assert compiled(nf.tanh) >= 6
    assert compiled(nf.tanh) == 0
    assert compiled(nf.erf) == 1
    helper.close()
