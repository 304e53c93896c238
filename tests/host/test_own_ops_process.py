"""The process in which the user's own ops are tried: whatever they do ends there."""

from __future__ import annotations

import os
import queue
import signal
from pathlib import Path

import pytest

import nodeflow as nf
from nodeflow.errors import NodeflowError
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import TensorType
from nodeflow.host.own_ops import probe_messages as r
from nodeflow.host.own_ops.probe_client import GRACE_SECONDS, ProbeClient
from nodeflow.host.own_ops.remote_op import Answers, remote_ops

GOOD = """
import numpy as np
import nodeflow

@nodeflow.op
def doubled(x, factor: float = 2.0):
    return np.concatenate([x, x], axis=0)
"""
X = (TensorType("float32", (3, 5)),)
IN_A_CALL = """
import ctypes, os, sys, nodeflow

@nodeflow.op
def bad(x):
    {text}
    return x
"""

ENDLESS_IN_C = "ctypes.PyDLL(None).sleep(1000)"
ENDS = [
    ("os._exit(3)", "it ends its process (exit code 3)"),
    ("ctypes.string_at(0)", "it ends its process (a segmentation fault)"),
    (ENDLESS_IN_C, "it takes longer than"),
    ("os.kill(os.getpid(), 9)", "it ends its process (it was killed)"),
]


@pytest.fixture
def prober(tmp_path):
    probing = ProbeClient(import_seconds=4.0, probe_seconds=3.0)
    yield probing
    probing.close()


def load(prober: ProbeClient, folder: Path) -> tuple[r.Loaded, dict[str, str]]:
    found: queue.Queue = queue.Queue()
    prober.load(str(folder), lambda *answer: found.put(answer))
    return found.get(timeout=120)


def ids(loaded: r.Loaded) -> list[str]:
    return [op.declared.id for ops in loaded.files.values() for op in ops]


@pytest.mark.thorough
def test_declarations_come_without_functions_and_types_are_found_there(prober, tmp_path):
    (tmp_path / "good.py").write_text(GOOD)
    loaded, skip = load(prober, tmp_path)
    assert ids(loaded) == ["doubled"] and skip == {} and loaded.problems == ()
    (record,) = loaded.files[str(tmp_path / "good.py")]
    assert record.declared.inputs[0].name == "x" and record.declared.attrs[0].default == 2.0
    assert "doubled" not in REGISTRY
    assert prober.infer("doubled", X, {"factor": 1.0})[0].shape == (6, 5)
    unknown = (TensorType("float32", (None, 5)),)
    assert prober.infer("doubled", unknown, {"factor": 1.0})[0].shape == (None, 5)


@pytest.mark.thorough
@pytest.mark.parametrize(("text", "said"), ENDS)
def test_a_file_that_ends_the_process_is_left_out(prober, tmp_path, text, said):
    (tmp_path / "a_bad.py").write_text(f"import ctypes, os\n{text}\n")
    (tmp_path / "good.py").write_text(GOOD)
    loaded, skip = load(prober, tmp_path)
    assert ids(loaded) == ["doubled"]
    (problem,) = loaded.problems
    assert problem.place == "a_bad.py" and said in problem.message
    assert [*skip] == [str(tmp_path / "a_bad.py")]
    assert prober.infer("doubled", X, {"factor": 1.0})[0].shape == (6, 5)


@pytest.mark.sample(3)
@pytest.mark.parametrize(("text", "said"), ENDS)
def test_a_call_that_ends_the_process_is_an_error_of_its_op(prober, tmp_path, text, said):
    (tmp_path / "bad.py").write_text(IN_A_CALL.format(text=text))
    (tmp_path / "good.py").write_text(GOOD)
    loaded, _ = load(prober, tmp_path)
    assert ids(loaded) == ["bad", "doubled"]
    limits = prober._limits
    if text == ENDLESS_IN_C:
        prober._limits = limits[0], GRACE_SECONDS + 0.1
    with pytest.raises(NodeflowError) as caught:
        prober.infer("bad", X, {})
    prober._limits = limits
    assert said in str(caught.value) and str(caught.value).startswith("bad")
    assert prober.infer("doubled", X, {"factor": 1.0})[0].shape == (6, 5)


@pytest.mark.thorough
@pytest.mark.parametrize("place", ("import", "call"))
def test_output_without_end_goes_nowhere(prober, tmp_path, place, capfd):
    text = "while True: print('x' * 10000); sys.stderr.write('y' * 10000)"
    if place == "import":
        (tmp_path / "loud.py").write_text(f"import sys\n{text}\n")
        prober._limits = 8.0, 5.0
        import nodeflow.ops.user.time_limit as guard

        assert guard.IMPORT_SECONDS > 8
    else:
        (tmp_path / "bad.py").write_text(IN_A_CALL.format(text=text))
    loaded, _ = load(prober, tmp_path)
    if place == "import":
        assert loaded.problems and "takes longer" in loaded.problems[0].message
    else:
        with pytest.raises(NodeflowError, match="longer than 3 seconds"):
            prober.infer("bad", X, {})
    assert len("".join(capfd.readouterr())) < 1000


@pytest.mark.thorough
def test_memory_without_end_is_refused(prober, tmp_path):
    text = "found = []\n    while True: found.append(bytes(100_000_000))"
    (tmp_path / "bad.py").write_text(IN_A_CALL.format(text=text))
    load(prober, tmp_path)
    with pytest.raises(NodeflowError, match=r"MemoryError|longer than|ends its process"):
        prober.infer("bad", X, {})


@pytest.mark.thorough
def test_a_process_that_is_stopped_or_killed_is_replaced(prober, tmp_path):
    (tmp_path / "good.py").write_text(GOOD)
    load(prober, tmp_path)
    assert prober._process is not None
    os.kill(prober._process.pid, signal.SIGSTOP)
    with pytest.raises(NodeflowError, match="longer than"):
        prober.infer("doubled", X, {"factor": 1.0})
    assert prober.infer("doubled", X, {"factor": 1.0})[0].shape == (6, 5)
    os.kill(prober._process.pid, signal.SIGKILL)
    prober._process.wait()
    assert prober.infer("doubled", X, {"factor": 1.0})[0].shape == (6, 5)


@pytest.mark.thorough
def test_closing_leaves_no_process(prober, tmp_path):
    (tmp_path / "bad.py").write_text(IN_A_CALL.format(text=ENDLESS_IN_C))
    load(prober, tmp_path)
    process, thread = prober._process, prober._thread
    prober.ask(r.Infer("bad", X, {}), lambda answer: None)
    prober.close()
    thread.join(30)
    assert not thread.is_alive() and process.poll() is not None


# ---- ops without functions ------------------------------------------------------------------

WITH_GRADIENT = """
import numpy as np
import nodeflow
import nodeflow as nf

def slope(g, inputs, output, factor):
    x, y = inputs
    return g * y * factor + nf.square(x) * 0.0, nf.reduce_sum(g * x * factor, axis=0)

@nodeflow.op(gradient=slope)
def scaled(x, y, factor: float = 2.0):
    return x * y * factor
"""


def test_a_gradient_is_the_same_as_where_the_functions_are(prober, tmp_path, plugin_files):
    for folder in (tmp_path, plugin_files):
        (folder / "scaled.py").write_text(WITH_GRADIENT)
    loaded, _ = load(prober, plugin_files)

    def gradients() -> tuple[list[str], list]:
        with nf.Graph() as graph:
            x = nf.placeholder("float32", [2, 3], name="x")
            y = nf.placeholder("float32", [3], name="y")
            out = graph.apply("scaled", x, y, factor=3.0)
            found = nf.gradients(nf.reduce_sum(out * out), [x, y])
        return [node.op.id for node in graph.nodes], [t.type for t in found]

    from nodeflow.ops.user import PLUGINS

    PLUGINS.load()
    expected = gradients()
    PLUGINS.unload()
    PLUGINS.take(remote_ops(loaded, Answers(prober, lambda op: None), {}), ())
    for _ in range(100):  # the first answer may come late
        try:
            assert gradients() == expected
            return
        except NodeflowError as error:
            assert "moment" in str(error)
    raise AssertionError("no answer")


@pytest.mark.thorough
def test_a_file_that_breaks_keeps_its_ops_which_say_why(prober, tmp_path):
    file = tmp_path / "good.py"
    file.write_text(GOOD)
    answers = Answers(prober, lambda op: None)
    before = remote_ops(load(prober, tmp_path)[0], answers, {})
    file.write_text("import os\nos._exit(1)\n")
    (op,) = remote_ops(load(prober, tmp_path)[0], answers, before)[str(file)]
    assert op.id == "doubled" and op.inputs[0].name == "x"
    with pytest.raises(NodeflowError, match=r"good.py: it ends its process \(exit code 1\)"):
        op.infer(*X, factor=1.0)


@pytest.mark.thorough
def test_a_late_answer_is_told(prober, tmp_path):
    (tmp_path / "slow.py").write_text(IN_A_CALL.format(text="import time; time.sleep(0.5)"))
    told: queue.Queue = queue.Queue()
    answers = Answers(prober, told.put)
    (op,) = remote_ops(load(prober, tmp_path)[0], answers, {})[str(tmp_path / "slow.py")]
    with pytest.raises(NodeflowError, match="takes a moment"):
        op.infer(*X)
    assert told.get(timeout=60) == "bad"
    assert [t.shape for t in op.infer(*X)] == [(3, 5)]
