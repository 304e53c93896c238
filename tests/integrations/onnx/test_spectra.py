"""Fourier transforms and boxes as ONNX: right in its evaluator, and the same graph again."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import nodeflow as nf
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.exchange.comparison import verify
from nodeflow.integrations.onnx.check import OnnxPeer
from nodeflow.integrations.onnx.emit import NotInOnnx
from nodeflow.integrations.onnx.reading import graph_of
from nodeflow.integrations.onnx.writing import model_of

X = np.random.default_rng(8).normal(size=(2, 4, 6)).astype("f4")
Y = np.random.default_rng(9).normal(size=(2, 4, 6)).astype("f4")
CASES = {
    "fft": lambda x, y: nf.fft(nf.complex(x, y)),
    "ifft": lambda x, y: nf.ifft(nf.complex(x, y)),
    "fft2d": lambda x, y: nf.fft2d(nf.complex(x, y)),
    "ifft3d": lambda x, y: nf.ifft3d(nf.complex(x, y)),
    "rfft_longer": lambda x, y: nf.rfft(x, fft_length=[9]),
    "rfft_shorter": lambda x, y: nf.rfft(x, fft_length=[5]),
    "rfft2d": lambda x, y: nf.rfft2d(x, fft_length=[3, 8]),
    "rfft3d": lambda x, y: nf.rfft3d(x),
    "irfft": lambda x, y: nf.irfft(nf.complex(x, y)),
    "irfft_odd": lambda x, y: nf.irfft(nf.complex(x, y), fft_length=[7]),
    "irfft_longer": lambda x, y: nf.irfft(nf.complex(x, y), fft_length=[16]),
    "irfft2d": lambda x, y: nf.irfft2d(nf.complex(x, y), fft_length=[5, 8]),
    "filter": lambda x, y: nf.irfft(nf.rfft(x) * nf.rfft(y)),
    "conjugate": lambda x, y: nf.fft(nf.conj(nf.complex(x, y)) - nf.cast(x, "complex64")),
    "turned": lambda x, y: nf.fft(nf.transpose(nf.complex(x, y), perm=[0, 2, 1])),
    "both": lambda x, y: nf.concat([nf.rfft(x), nf.rfft(y)], axis=-1),
    "constant": lambda x, y: nf.complex(x, y) + nf.constant(1 + 2j, dtype="complex64"),
    "stft": lambda x, y: nf.functions.stft(x, frame_length=4, frame_step=2),
    "inverse_stft": lambda x, y: nf.functions.inverse_stft(
        nf.complex(x, y), frame_length=8, frame_step=3, fft_length=10
    ),
}


def graph_with(make):
    with nf.Graph() as graph:
        x = nf.placeholder("float32", list(X.shape), name="x", sample=X.tolist())
        y = nf.placeholder("float32", list(Y.shape), name="y", sample=Y.tolist())
        made = make(x, y)
        made = nf.abs(made, name="end") + nf.real(made) if made.dtype.startswith("c") else made
        nf.identity(made, name="answer")
    return graph


@pytest.mark.parametrize("opset", [18, 22])
@pytest.mark.parametrize("name", CASES)
def test_a_transform(name, opset):
    graph = graph_with(CASES[name])
    answer = {"answer": graph.tensor("answer")}
    model = model_of(graph, answer, {}, opset=opset)
    onnx.checker.check_model(model, full_check=True)
    with nf.Session(graph, tier="reference") as session:
        wanted = session.run("answer", {"x": X, "y": Y})
    fed = {"x": X, "y": Y}
    fed = {value.name: fed[value.name] for value in model.graph.input}
    (found,) = ReferenceEvaluator(model).run(None, fed)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    back = graph_of(model)
    assert not back.missing
    again = model_of(back.graph, dict(back.outputs), back.weights, opset=opset)
    assert again.SerializeToString(deterministic=True) == model.SerializeToString(
        deterministic=True
    )
    ids = {n.op.id for n in graph.nodes if n.derived_from is None}
    assert {n.op.id for n in back.graph.nodes if n.derived_from is None} == ids


def test_complex_values_are_compared_as_numbers():
    task = Task(from_graph(graph_with(CASES["filter"])))
    with Session(task.graph, tier="reference") as session:
        found = verify(task, session, OnnxPeer())
    assert found.first is None and not found.left_out
    assert {"rfft", "rfft_1", "multiply", "irfft"} <= {one.name for one in found.nodes}


def test_what_complex_numbers_cannot_do_there_is_named():
    graph = graph_with(lambda x, y: nf.exp(nf.complex(x, y), name="turn"))
    with pytest.raises(NotInOnnx, match="turn: ONNX has nothing for exp of complex numbers"):
        model_of(graph, {"answer": graph.tensor("answer")}, {})
    with nf.Graph() as other:
        nf.abs(nf.placeholder("complex64", [2], name="z"), name="answer")
    with pytest.raises(NotInOnnx, match="z: ONNX has no placeholder of complex numbers"):
        model_of(other, {"answer": other.tensor("answer")}, {})


@pytest.mark.parametrize("most", [1, 10])
@pytest.mark.parametrize("least", [None, 0.3])
@pytest.mark.parametrize("centre", [None, False, True])
def test_boxes(most, least, centre):
    rng = np.random.default_rng(3)
    corners = np.sort(rng.uniform(0, 4, (2, 12, 4)), axis=-1)[..., [0, 1, 2, 3]].astype("f4")
    scores = rng.uniform(0, 1, (2, 3, 12)).astype("f4")
    limits = {"iou_threshold": 0.4, "score_threshold": least}
    with nf.Graph() as graph:
        if centre is None:
            boxes = nf.placeholder("float32", [12, 4], name="boxes")
            marks = nf.placeholder("float32", [12], name="scores")
            nf.functions.non_max_suppression(
                boxes, marks, max_output_size=most, name="answer", **limits
            )
            fed = {"boxes": corners[0], "scores": scores[0, 0]}
        else:
            boxes = nf.placeholder("float32", [2, 12, 4], name="boxes")
            marks = nf.placeholder("float32", [2, 3, 12], name="scores")
            nf.functions.batched_non_max_suppression(
                boxes, marks, max_output_boxes_per_class=most, center_point_box=centre,
                name="answer", **limits,
            )  # fmt: skip
            fed = {"boxes": corners, "scores": scores}
    model = model_of(graph, {"answer": graph.tensor("answer")}, {})
    onnx.checker.check_model(model, full_check=True)
    with nf.Session(graph, tier="reference") as session:
        wanted = session.run("answer", fed)
    (found,) = ReferenceEvaluator(model).run(None, fed)
    np.testing.assert_array_equal(found, wanted)
    assert len(wanted) > 1 or most == 1
    back = graph_of(model)
    again = model_of(back.graph, dict(back.outputs), back.weights)
    assert again.SerializeToString(deterministic=True) == model.SerializeToString(
        deterministic=True
    )


@pytest.mark.parametrize("opset", [18, 22])
def test_a_grid_is_one_node_of_onnx(opset):
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [1, 2, 5, 6], name="x")
        grid = nf.placeholder("float32", [1, 3, 4, 2], name="grid")
        nf.grid_sample(x, grid, method="cubic", padding="border", name="answer")
    model = model_of(graph, {"answer": graph.tensor("answer")}, {}, opset=opset)
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["GridSample"] and not model.functions
