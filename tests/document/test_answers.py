"""Which nodes take a picture and which say what a graph makes of it, in the examples."""

from __future__ import annotations

import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.picture_answers import answers, picture_inputs
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.resources import example


@pytest.mark.parametrize(
    ("name", "node", "kind", "size"),
    [
        ("mnist", "probabilities", "probabilities", 10),
        ("mnist_adam", None, None, 10),
        ("mnist_layers", "logits", "logits", 10),
        ("mnist_cnn", "logits", "logits", 10),
        ("mnist_cnn_layers", "logits", "logits", 10),
        ("lstm", "logits", "logits", 10),
        ("autoencoder", "restored", "picture", 784),
    ],
)
def test_the_digit_examples_take_a_picture_and_answer(name, node, kind, size):
    document = flow.load(example(f"{name}.flow"))
    analysis = Analysis(document)
    (fed,) = picture_inputs(document, analysis)
    assert (fed.name, fed.height, fed.width, fed.shape) == ("x", 28, 28, (1, 784))
    first = answers(document, analysis, fed.id, 784)[0]
    assert first.size == size
    if node is not None:
        assert (first.name, first.kind) == (node, kind)
    else:
        assert first.kind in ("probabilities", "logits")


@pytest.mark.parametrize("name", ["expression", "linear_regression", "spirals", "word2vec"])
def test_graphs_without_pictures_have_no_place_for_one(name):
    document = flow.load(example(f"{name}.flow"))
    assert picture_inputs(document, Analysis(document)) == []


def test_a_sigmoid_that_is_hidden_is_no_answer_and_the_last_one_is():
    document = Document()

    def add(op, name, **attrs):
        return commands.add_node(document, op, (0, 0), name=name, attrs=attrs)

    x = add("placeholder", "x", shape=[None, 64])
    w1, w2 = add("variable", "w1", value=[[0.0] * 5] * 64), add("variable", "w2", value=[[0.0]] * 5)
    h, hidden, z, chance = (
        add("matmul", "h"),
        add("sigmoid", "hidden"),
        add("matmul", "z"),
        add("sigmoid", "chance"),
    )
    for source, target, port in (
        (x, h, "x"),
        (w1, h, "y"),
        (h, hidden, "x"),
        (hidden, z, "x"),
        (w2, z, "y"),
        (z, chance, "x"),
    ):
        commands.connect(document, source, "out", target, port)
    found = answers(document, Analysis(document), x, 64)
    assert [(a.name, a.kind) for a in found][:1] == [("chance", "sigmoid")]
    assert ("hidden", "values") in [(a.name, a.kind) for a in found]


@pytest.mark.parametrize(
    ("loss", "port", "attrs", "kind"),
    [
        ("focal_loss", "logits", {}, "sigmoid_logits"),
        ("binary_cross_entropy", "predictions", {"from_logits": True}, "sigmoid_logits"),
        ("binary_cross_entropy", "predictions", {}, "values"),
        ("categorical_cross_entropy", "predictions", {"from_logits": True}, "logits"),
        ("softmax_cross_entropy_with_logits", "logits", {}, "logits"),
    ],
)
def test_the_loss_says_what_makes_probabilities_of_scores(loss, port, attrs, kind):
    document = Document()
    x = commands.add_node(document, "placeholder", (0, 0), attrs={"shape": [None, 64]})
    w = commands.add_node(document, "variable", (0, 0), attrs={"value": [[0.0] * 5] * 64})
    scores = commands.add_node(document, "matmul", (0, 0), name="scores")
    target = commands.add_node(document, loss, (0, 0), attrs=attrs)
    for source, node, into in ((x, scores, "x"), (w, scores, "y"), (scores, target, port)):
        commands.connect(document, source, "out", node, into)
    found = answers(document, Analysis(document), x, 64)
    assert [(a.name, a.kind) for a in found if a.name == "scores"] == [("scores", kind)]
