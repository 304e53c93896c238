"""One ranking for every search of ops: palette, search on the canvas, formulas."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from nodeflow.document.analysis.declarations import declarations
from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting import insertables
from nodeflow.document.model.document import Document
from nodeflow.ui.panels.op_palette import OP_ROLE
from nodeflow.ui.popups.search.op_query import ranked

FIRST = {
    # what is reduced, added and multiplied
    "mean": "reduce_mean", "reduce_mean": "reduce_mean", "np.mean": "reduce_mean",
    "average": "reduce_mean", "sum": "reduce_sum", "torch.sum": "reduce_sum",
    "max": "reduce_max", "maximum": "maximum", "min": "reduce_min", "std": "reduce_std",
    "prod": "reduce_prod", "argmax": "argmax", "add": "add", "plus": "add", "+": "add",
    "-": "subtract", "*": "multiply", "/": "divide", "**": "power", "%": "modulo", "@": "matmul",
    "mul": "multiply", "sub": "subtract", "neg": "negative", "matmul": "matmul", "mm": "matmul",
    "bmm": "matmul", "dot": "matmul", "tensordot": "einsum", "exp": "exp", "log": "log",
    "sqrt": "sqrt", "abs": "abs", "clip": "clip", "clamp": "clip_by_value",
    # layers before the functions that take weights
    "conv": "layers/conv2d", "conv2d": "layers/conv2d", "Conv2D": "layers/conv2d",
    "nn.Conv2d": "layers/conv2d", "nn.Linear": "layers/dense", "linear": "layers/dense",
    "Dense": "layers/dense", "keras.layers.Dense": "layers/dense", "fc": "layers/dense",
    "fully connected": "layers/dense", "BatchNorm2d": "layers/batch_normalization",
    "BatchNormalization": "layers/batch_normalization", "LayerNorm": "layers/layer_normalization",
    "lstm": "layers/lstm", "GRU": "layers/gru", "embedding": "layers/embedding",
    "Conv2DTranspose": "layers/conv2d_transpose", "MultiheadAttention":
    "layers/multi_head_attention", "dropout": "dropout", "flatten": "flatten",
    "maxpool": "max_pool2d", "MaxPool2D": "max_pool2d", "MaxPooling2D": "max_pool2d",
    "avg_pool2d": "average_pool2d", "GlobalAveragePooling2D": "global_average_pool",
    # activations, losses, metrics, optimizers
    "relu": "relu", "F.relu": "relu", "tf.nn.relu": "relu", "LeakyReLU": "leaky_relu",
    "softmax": "softmax", "sigmoid": "sigmoid", "cross_entropy": "sparse_softmax_cross_entropy",
    "CrossEntropyLoss": "sparse_softmax_cross_entropy", "BCELoss": "binary_cross_entropy",
    "sparse_categorical_crossentropy": "sparse_softmax_cross_entropy",
    "mse": "mean_squared_error", "MSELoss": "mean_squared_error", "mae": "mean_absolute_error",
    "accuracy": "accuracy", "Adam": "adam", "SGD": "gradient_descent",
    "optimizer": "gradient_descent", "grad": "gradients", "detach": "stop_gradient",
    # shapes
    "reshape": "reshape", "view": "reshape", "cat": "concat", "concatenate": "concat",
    "stack": "stack", "transpose": "transpose", "permute": "transpose", "one_hot": "one_hot",
    "where": "where", "unsqueeze": "expand_dims", "take": "gather", "repeat": "tile",
    "topk": "top_k",
    # inputs and data
    "placeholder": "placeholder", "Input": "placeholder", "Variable": "variable",
    "Parameter": "variable", "constant": "constant", "number": "constant", "dataset": "dataset",
    "mnist": "dataset", "csv": "dataset", "zeros": "fill", "arange": "range",
    "randn": "random_normal", "rand": "random_uniform", "astype": "cast", "float": "cast",
    "if": "flow/branch", "while": "flow/while_loop", "or": "logical_or",
}  # fmt: skip
"""What is typed -> the op that comes first."""


def offered() -> list:
    return [*declarations(), *insertables.available(Document())]


@pytest.fixture
def convolutions(window):
    """A graph that is full of functions whose layers have the same name."""
    for op in ("conv2d", "lstm", "global_average_pool", "add_n") * 4:
        commands.add_node(window.workspace.document, op, (0.0, 0.0))
    return window


@pytest.mark.thorough
def test_each_query_finds_what_it_means_first() -> None:
    ops = offered()
    answers = {text: [op.id for op in ranked(text, ops)] for text in FIRST}
    assert {text: found[0] for text, found in answers.items() if found} == FIRST
    for text, found in answers.items():
        assert len(found) == len(set(found)), text


@pytest.mark.thorough
def test_what_is_in_use_never_comes_before_the_op_that_has_the_name() -> None:
    ops = offered()
    used = Counter({op.id: 30 for op in ops})
    for text in ("mean", "sum", "max", "nn.Linear", "cross_entropy", "cat", "lstm", "Conv2D"):
        assert ranked(text, ops, used - Counter({FIRST[text]: 30}))[0].id == FIRST[text], text
    found = [op.id for op in ranked("conv", ops, Counter(conv2d=30, conv1d=30))]
    assert found.index("layers/conv2d") < found.index("conv2d")


def test_no_two_ops_have_the_same_title() -> None:
    shown = [op.title for op in offered() if not op.superseded]
    assert [title for title, count in Counter(shown).items() if count > 1] == []


@pytest.mark.thorough
def test_palette_and_canvas_give_the_same_answers(convolutions, qtbot) -> None:
    window = convolutions
    panel, popup = window.panels["palette"], window.search
    texts = ("conv", "mean", "nn.Linear", "lstm", "sum", "+", "in:float32 max", "loss", "zzzz")
    for text in texts:
        panel.search.clear()
        qtbot.keyClicks(panel.search, text)
        model = panel.tree.model()
        listed = [model.index(row, 0).data(OP_ROLE) for row in range(model.rowCount())]
        window.canvas.setFocus()
        QTest.keyClick(window.canvas, Qt.Key.Key_Tab)
        QTest.keyClicks(popup.field, text)
        assert [row.op for row in popup.model.rows] == listed, text
        QTest.keyClick(popup.field, Qt.Key.Key_Escape)
        titles = [model.index(row, 0).data() for row in range(model.rowCount())]
        assert len(titles) == len(set(titles)), text


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("text", "op"), [("mean", "reduce_mean"), ("conv", "layers/conv2d"), ("sum", "reduce_sum")]
)
def test_enter_adds_the_first_answer(window, qtbot, text: str, op: str) -> None:
    panel, nodes = window.panels["palette"], window.workspace.document.nodes
    qtbot.keyClicks(panel.search, text)
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    assert [record.op for record in nodes.values()] == [op]
    window.canvas.selection.clear()
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_Tab)
    QTest.keyClicks(window.search.field, text)
    QTest.keyClick(window.search.field, Qt.Key.Key_Return)
    assert [record.op for record in nodes.values()] == [op, op]


@pytest.mark.thorough
def test_a_formula_completes_names_of_other_libraries(window, qtbot) -> None:
    window.actions_.trigger("formula")
    bar = window.popups.formula
    for text, first in (("mean", "reduce_mean"), ("concaten", "concat"), ("relu", "relu6")):
        bar.field.clear()
        qtbot.keyClicks(bar.field, text)
        assert bar._words[0] == first
