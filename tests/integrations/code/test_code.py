"""Graphs as code: what numpy computes from the generated code, and that it is good Python."""

from __future__ import annotations

import importlib.util
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.errors import GraphError
from nodeflow.exchange.code_targets import code_of, export_code, titles
from nodeflow.graph.graph import Graph, ancestors
from nodeflow.integrations.code.body_lines import SEQUENCES
from nodeflow.integrations.code.errors import NotInCode
from nodeflow.integrations.code.numpy_and_jax.numpy_ops import NUMPY
from nodeflow.integrations.code.program import program_of
from nodeflow.integrations.code.training_rows import batches
from nodeflow.resources import example, examples
from tests.integrations.code import phased_graphs
from tests.integrations.code.feeding import fed
from tests.integrations.code.float64 import compute_in_float64
from tests.integrations.code.op_samples import cases, is_drawn

RULES = "E4,E7,E9,F,I,UP,B,SIM"


def loaded(folder: Path, name: str) -> ModuleType:
    """The module of a generated file."""
    spec = importlib.util.spec_from_file_location(f"generated_{name}", folder / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def task_of(name: str) -> Task:
    path = example(name)
    return Task(flow.load(path), file=path)


def arguments(function: Any, given: dict[str, Any]) -> dict[str, Any]:
    """What a function takes of some values."""
    return {name: given[name] for name in inspect.signature(function).parameters if name in given}


def answered(module: ModuleType, given: dict[str, Any]) -> dict[str, np.ndarray]:
    """What a module of numpy answers, and what it measures."""
    given["params"] = module.initial() if hasattr(module, "initial") else {}
    given["out"] = module.predict(**arguments(module.predict, given))
    if not hasattr(module, "measure"):
        return given["out"]
    return {**given["out"], **module.measure(**arguments(module.measure, given))}


@pytest.mark.sample(6)
@pytest.mark.parametrize("name", [*(path.stem for path in examples()), *phased_graphs.GRAPHS])
def test_numpy_code_computes_what_the_graph_does(tmp_path: Path, name: str):
    """Outside a training: dropout changes nothing, and averages are used."""
    if name in ("draws", "gan", "wgan"):
        return  # they draw numbers whenever they run
    is_example = name not in phased_graphs.GRAPHS
    task = task_of(name) if is_example else phased_graphs.task(name, tmp_path)
    export_code(task, name, "numpy", tmp_path)
    rows: dict[str, Any] = dict(fed(task))
    if name == "flipped":
        rows["x"] = np.float32(np.arange(12).reshape(3, 2, 2, 1))
    found = answered(loaded(tmp_path, name), dict(rows))
    program = program_of(task, name, NUMPY)
    tensors = {**program.predictions, **program.measured}
    assert found.keys() == tensors.keys()
    with nf.Session(task.graph, tier="reference", seed=task.build.settings.seed) as session:
        session.initialize()
        for key, value in found.items():
            if any(node.op.id == "random_normal" for node in ancestors([tensors[key].node])):
                continue  # the code draws other numbers
            truth = session.run(tensors[key], rows)
            np.testing.assert_allclose(value, truth, rtol=1e-5, atol=1e-5, err_msg=key)


CLIPPED = "wgan"
"""The example whose phase is a group: an optimizer, then assigns that clip its weights."""


@pytest.mark.sample(1)
@pytest.mark.parametrize("target", titles())
def test_generated_files_are_good_python(tmp_path: Path, target: str, monkeypatch):
    monkeypatch.delenv("NODEFLOW_DATA_DIR", raising=False)  # the rows are beside the code
    for path in examples():
        task = Task(flow.load(path), file=path)
        if path.stem == CLIPPED and target not in ("numpy", "nodeflow"):
            with pytest.raises(NotInCode, match="the optimizer group"):
                export_code(task, path.stem, target, tmp_path)
            continue
        export_code(task, path.stem, target, tmp_path)
    for name in phased_graphs.GRAPHS:
        export_code(phased_graphs.task(name, tmp_path), name, target, tmp_path)
    ruff = Path(sys.executable).with_name("ruff")
    assert ruff.exists()
    rules = RULES if target == "nodeflow" else f"{RULES},E501"
    checked = subprocess.run(
        [ruff, "check", "--isolated", "--select", rules, "--no-cache", tmp_path],
        capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    for path in tmp_path.glob("*.py"):
        compile(path.read_text("utf-8"), str(path), "exec")


@pytest.mark.sample(112)
@pytest.mark.parametrize("op_id", sorted(op for op in NUMPY.ops if not is_drawn(op)))
def test_each_op_of_numpy_computes_what_the_op_says(op_id: str):
    """Every sample of an op that the table writes, against the op's reference."""
    names: dict[str, Any] = {"np": np}
    for helper in NUMPY.helpers.values():
        exec(helper, names)
    written = 0
    for case in cases(NUMPY, op_id):
        written += 1
        with np.errstate(all="ignore"):
            found = eval(case.code, names, dict(case.values))
        found = found if len(case.truth) > 1 or op_id in SEQUENCES else [found]
        for ours, theirs in zip(found, case.truth, strict=True):
            tolerance = 1e-10 if theirs.dtype == np.float64 else 2e-5
            np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    assert written or op_id in ("lstm", "gru"), "no sample is written"


# ---- what cannot be written ---------------------------------------------------------------------


def test_ops_that_are_missing_are_named_before_anything_is_written(tmp_path: Path):
    with Graph() as graph:
        x = nf.placeholder("float32", [3, 3], name="x")
        nf.cholesky(x, name="root")
        nf.digamma(x, name="psi")
    nf.save(graph, tmp_path / "a.flow")
    task = Task(flow.load(tmp_path / "a.flow"))
    with pytest.raises(NotInCode, match=r"2 ops cannot .* cholesky \(root\), digamma \(psi\)"):
        export_code(task, "a", "numpy", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def padded(mode: str, paddings: list[list[int]]) -> Task:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [3, 4], name="x")
        nf.pad(x, paddings=paddings, mode=mode, name="out")
    return Task(from_graph(graph))


def test_tensorflow_mirrors_an_axis_at_most_once():
    """An edge that is not repeated leaves one element less."""
    for mode, most in (("reflect", 2), ("symmetric", 3)):
        text = code_of(padded(mode, [[most, 0], [0, 1]]), "net", "tensorflow1").text
        assert f'[[{most}, 0], [0, 1]], "{mode.upper()}"' in text
        with pytest.raises(NotInCode, match=r"pad \(out\)"):
            code_of(padded(mode, [[most + 1, 0], [0, 1]]), "net", "tensorflow1")


def test_pytorch_pads_the_last_axis_first():
    text = code_of(padded("constant", [[1, 2], [0, 3]]), "net", "pytorch").text
    assert re.search(r"F\.pad\(\w+, \(0, 3, 1, 2\)\)", text)


def test_names_that_python_reserves_are_changed(tmp_path: Path):
    with Graph() as graph:
        x = nf.placeholder("float32", [2], name="class")
        nf.identity(nf.exp(x, name="a/b") * 2.0, name="self")
    nf.save(graph, tmp_path / "a.flow")
    task = Task(flow.load(tmp_path / "a.flow"))
    export_code(task, "a", "numpy", tmp_path)
    found = loaded(tmp_path, "a").predict(np.float32([0, 1]))
    np.testing.assert_allclose(found["self_2"], 2 * np.exp(np.float32([0, 1])), rtol=1e-6)


@pytest.mark.thorough
def test_batches_are_those_of_the_training():
    task = task_of("spirals")
    training = task.training()
    found = batches(training)
    rows = training.rows(training.bindings, "train")
    assert rows is not None
    steps = rows // training.batch_size
    assert found.shape == (steps * training.epochs, training.batch_size)
    first = np.sort(found[:steps].ravel())
    assert len(np.unique(first)) == len(first), "each row once an epoch"
    assert not np.array_equal(found[:steps], found[steps : 2 * steps]), "in another order"


def test_optimizers_without_counterpart_are_refused(tmp_path: Path):
    shutil.copy(example("spirals"), tmp_path / "s.flow")
    text = (tmp_path / "s.flow").read_text("utf-8").replace('"op": "adam"', '"op": "ftrl"')
    document = flow.loads(text.replace('"learning_rate": 0.01', '"learning_rate": 0.05'))
    with pytest.raises((NotInCode, GraphError), match="ftrl"):
        export_code(Task(document), "s", "pytorch", tmp_path / "out")


def channels_first(folder: Path) -> Task:
    """A network as models of ONNX are, with borders that are even and that are not."""
    rng = np.random.default_rng(5)
    with Graph() as graph:
        x = nf.placeholder("float32", [2, 3, 8, 9], name="x")
        for name, shape, how in (
            ("a", (4, 3, 3, 3), {"pads": 1, "strides": (2, 1)}),
            ("b", (4, 2, 3, 2), {"pads": [[0, 1], [2, 0]], "groups": 2, "dilations": (1, 2)}),
        ):
            kernel = nf.variable(rng.normal(size=shape).astype("f4"), name=f"{name}_kernel")
            attrs = {"layout": "NCHW", "filter_layout": "OIHW", **how}
            x = nf.relu(nf.functions.conv2d(x, kernel, name=name, **attrs))
        scale = nf.variable(rng.normal(size=4).astype("f4"), name="scale")
        x = x * nf.expand_dims(scale, axis=(1, 2))
        x = nf.functions.max_pool2d(x, size=(3, 3), strides=(1, 2), pads=1, layout="NCHW")
        nf.identity(x, name="out")
    nf.save(graph, folder / "net.flow")
    return Task(flow.load(folder / "net.flow"))


@pytest.mark.thorough
def test_jax_code_of_images_with_channels_first(tmp_path: Path):
    pytest.importorskip("jax")
    task = channels_first(tmp_path)
    files = export_code(task, "net", "jax", tmp_path)
    assert files == ["net.py", "net.safetensors"]
    x = np.random.default_rng(6).normal(size=(2, 3, 8, 9)).astype("f4")
    module = loaded(tmp_path, "net")
    found = module.predict(module.initial(), x)
    with nf.Session(task.graph, tier="reference") as session:
        session.initialize()
        wanted = session.run("out", {"x": x})
    (answer,) = found.values()
    np.testing.assert_allclose(answer, wanted, rtol=1e-4, atol=1e-5)


def test_pytorch_code_of_images_with_channels_first_is_its_own(tmp_path: Path):
    """Nothing is turned there; a peer test runs it."""
    text = code_of(channels_first(tmp_path), "net", "pytorch").text
    assert "F.conv2d(x, self.a_kernel, None, (2, 1), (1, 1), (1, 1), 1)" in text
    assert "F.conv2d(F.pad(" in "".join(text.split()) and ".unsqueeze(1).unsqueeze(2)" in text
    assert "F.max_pool2d(" in text and "permute" not in text


@pytest.mark.parametrize(
    ("target", "written"),
    [("pytorch", "dtype=torch.float64"), ("tensorflow1", "tf.float64")],
)
def test_layers_and_rates_of_float64_are_written_as_such(target: str, written: str):
    """Else PyTorch's layers hold float32, and TensorFlow refuses the rate of a dropout."""
    document = flow.load(example("mnist_cnn_layers"))
    compute_in_float64(document)
    code = code_of(Task(document, file=example("mnist_cnn_layers")), "net", target).text
    found = re.findall(r"nn\.Linear\(.*|tf\.nn\.dropout\((?:\n.*?)+\n    \)", code)
    assert found and all(written in call for call in found)
