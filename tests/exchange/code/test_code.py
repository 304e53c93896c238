"""Graphs as code: what numpy computes from the generated code, and that it is good Python."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.build.task import Task
from nodeflow.document.io import flow
from nodeflow.errors import GraphError, NodeflowError
from nodeflow.exchange.code.dialect import Call
from nodeflow.exchange.code.errors import NotInCode
from nodeflow.exchange.code.export import TARGETS, batches, code_of, export_code
from nodeflow.exchange.code.jax_numpy import NUMPY, NUMPY_HELPERS
from nodeflow.graph.graph import Graph
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import numpy_dtype
from nodeflow.resources import example, examples
from tests.exchange.code.float64 import compute_in_float64

TRAINED = [path.stem for path in examples() if "optimizer" in path.read_text("utf-8")]
ROWS = 8


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


def fed(task: Task) -> dict[str, np.ndarray]:
    """The first rows of what is fed."""
    found = {
        n.name: np.asarray(n.attrs["sample"], numpy_dtype(n.outputs[0].dtype))
        for n in task.graph.nodes
        if n.op.id == "placeholder" and n.attrs["sample"] is not None
    }
    for tensor, binding in task.bindings(task.graph.nodes).items():
        split = next(iter(binding.dataset.splits))
        found[tensor.node.name] = binding.dataset.split(split)[binding.column].rows(slice(ROWS))
    return found


@pytest.mark.parametrize("name", [path.stem for path in examples()])
def test_numpy_code_computes_what_the_graph_does(tmp_path: Path, name: str):
    task = task_of(name)
    export_code(task, name, "numpy", tmp_path)
    module = loaded(tmp_path, name)
    rows = fed(task)
    params = (module.initial(),) if hasattr(module, "initial") else ()
    wanted_by = module.predict.__code__.co_varnames[: module.predict.__code__.co_argcount]
    found = module.predict(*params, *(rows[n] for n in wanted_by if n != "params"))
    if hasattr(module, "measure"):
        names = module.measure.__code__.co_varnames[: module.measure.__code__.co_argcount][2:]
        found |= module.measure(*params, found, *(rows[n] for n in names))
    assert found
    with nf.Session(task.graph, tier="reference", seed=task.build.settings.seed) as session:
        session.initialize()
        for key, value in found.items():
            (node,) = [n for n in task.graph.nodes if n.name.replace("/", "_") == key]
            truth = session.run(node.outputs[0], rows)
            np.testing.assert_allclose(value, truth, rtol=1e-5, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("target", TARGETS)
def test_generated_files_are_good_python(tmp_path: Path, target: str, monkeypatch):
    monkeypatch.delenv("NODEFLOW_DATA_DIR", raising=False)  # the rows are beside the code
    for path in examples():
        export_code(Task(flow.load(path), file=path), path.stem, target, tmp_path)
    ruff = Path(sys.executable).with_name("ruff")
    assert ruff.exists()
    checked = subprocess.run(
        [ruff, "check", "--isolated", "--select", "E4,E7,E9,F,I,UP,B,SIM", "--no-cache", tmp_path],
        capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    for path in tmp_path.glob("*.py"):
        compile(path.read_text("utf-8"), str(path), "exec")


def _cases() -> list[Any]:
    return [pytest.param(op, id=op) for op in sorted(NUMPY.ops)]


@pytest.mark.parametrize("op_id", _cases())
def test_each_op_of_numpy_computes_what_the_op_says(op_id: str):
    """Every sample of an op that the table writes, against the op's reference.

    Left out: empty arrays, which numpy reduces otherwise, and numbers that a cast cannot hold.
    """
    op = REGISTRY.lookup(op_id)
    names: dict[str, Any] = {"np": np}
    for helper in NUMPY_HELPERS.values():
        exec(helper, names)
    written = 0
    for sample in op.samples():
        call = _call(op_id, sample)
        code = None if call is None else NUMPY.expression(call)
        if call is None or code is None or op_id == "dropout":
            continue
        written += 1
        local = {f"a{n}": value for n, value in enumerate(sample.inputs)}
        with np.errstate(all="ignore"):
            found = eval(code, names, local)
        with nf.Session(call.node.graph, tier="reference") as session:
            feeds = {f"p{n}": value for n, value in enumerate(sample.inputs)}
            outputs = list(call.node.outputs)
            truth = session.run(outputs, feeds)
        found = found if isinstance(found, (tuple, list)) else [found]
        for ours, theirs in zip(found, truth, strict=True):
            kind = np.asarray(theirs).dtype
            tolerance = 1e-10 if kind == np.float64 else 2e-5
            np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    assert written or op_id in ("dropout", "lstm", "gru"), "no sample is written"


def _call(op_id: str, sample: Any) -> Call | None:
    known = {"float32", "float64", "int32", "int64", "bool"}
    arrays = [np.asarray(value) for value in sample.inputs]
    if any(str(array.dtype) not in known or not array.size for array in arrays):
        return None
    if op_id == "cast" and not all(np.all(np.abs(array) < 100) for array in arrays):
        return None
    if op_id in ("variable", "placeholder"):
        return None
    with Graph().as_default() as graph:
        inputs = [
            nf.placeholder(str(np.asarray(v).dtype), np.asarray(v).shape, name=f"p{n}")
            for n, v in enumerate(sample.inputs)
        ]
        try:
            node = graph.add_node(op_id, tuple(inputs), dict(sample.attrs), name="made")
        except NodeflowError:
            return None
    return Call(node, [f"a{n}" for n in range(len(inputs))])


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


def test_names_that_python_reserves_are_changed(tmp_path: Path):
    with Graph() as graph:
        x = nf.placeholder("float32", [2], name="class")
        nf.identity(nf.exp(x, name="a/b") * 2.0, name="self")
    nf.save(graph, tmp_path / "a.flow")
    task = Task(flow.load(tmp_path / "a.flow"))
    export_code(task, "a", "numpy", tmp_path)
    found = loaded(tmp_path, "a").predict(np.float32([0, 1]))
    np.testing.assert_allclose(found["self_2"], 2 * np.exp(np.float32([0, 1])), rtol=1e-6)


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
    assert "F.conv2d(F.pad(" in text and ".unsqueeze(1).unsqueeze(2)" in text
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
    found = [line for line in code.splitlines() if "nn.Linear(" in line or "tf.nn.dropout(" in line]
    assert found and all(written in line for line in found)
