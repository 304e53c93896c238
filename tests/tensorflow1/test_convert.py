"""The converter: what it renames, what it leaves where it is, and programs that run afterwards."""

from __future__ import annotations

import ast
import warnings
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.tensorflow1.__main__ import main
from nodeflow.tensorflow1.convert import convert

PROGRAMS = Path(__file__).with_name("programs")


def run(text: str) -> dict[str, object]:
    nf.reset_default_graph()
    space: dict[str, object] = {}
    exec(compile(text, "converted", "exec"), space)
    return space


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.py")), ids=lambda p: p.stem)
def test_a_program_is_converted_without_a_remark(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    converted = convert(source)
    assert converted.problems == ()
    assert "tf." not in "".join(line.split("#")[0] for line in converted.text.splitlines())
    assert len(converted.text.splitlines()) == len(source.splitlines())
    assert ast.get_docstring(ast.parse(converted.text)) == ast.get_docstring(ast.parse(source))
    assert convert(converted.text).text == converted.text, "nothing is left to do"


@pytest.mark.thorough
def test_linear_regression_finds_the_line() -> None:
    space = run(convert((PROGRAMS / "regression.py").read_text(encoding="utf-8")).text)
    assert float(space["final"]) < 1e-5  # type: ignore[arg-type]
    np.testing.assert_allclose(space["weights"], [[2.0], [-1.0]], atol=0.02)


@pytest.mark.thorough
def test_the_classifier_learns() -> None:
    space = run(convert((PROGRAMS / "classifier.py").read_text(encoding="utf-8")).text)
    assert float(space["score"]) > 0.9  # type: ignore[arg-type]


BOUNDS = {
    "matrix_factorisation": ("final", 0.0, 0.3),  # TensorFlow 2.15's compat.v1: 0.222
    "policy_gradient": ("final", 100.0, 200.0),  # 194 steps; 20 without training
    "text_cnn": ("final", 0.95, 1.0),  # 0.994
    "wavenet": ("final", 0.0, 0.01),  # 0.002
    "residual_digits": ("by_class", 0.95, 1.0),  # 1.0
}
"""What a program ends with, between which limits; as a remark what TensorFlow gives."""


@pytest.mark.thorough
@pytest.mark.parametrize("name", BOUNDS)
def test_a_tutorial_program_learns_and_is_saved(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["program"])
    space = run(convert((PROGRAMS / f"{name}.py").read_text(encoding="utf-8")).text)
    variable, low, high = BOUNDS[name]
    assert low <= float(space[variable]) <= high  # type: ignore[arg-type]
    graph = nf.get_default_graph()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a data set made in Python is not kept
        nf.save(graph, tmp_path / "model.flow")
    again = nf.load(tmp_path / "model.flow")
    assert {v.node.name for v in again.trainable_variables} == {
        v.node.name for v in graph.trainable_variables
    }
    nf.save(again, tmp_path / "again.flow")
    assert (tmp_path / "again.flow").read_bytes() == (tmp_path / "model.flow").read_bytes()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("tf.reduce_max(x, reduction_indices=1)", "nf.reduce_max(x, axis=1)"),
        ("tf.reduce_sum(x, keep_dims=True)", "nf.reduce_sum(x, keepdims=True)"),
        ("tf.mul(tf.sub(a, b), c)", "nf.multiply(nf.subtract(a, b), c)"),
        ("tf.float32.as_numpy_dtype(3)  # tf.int8", "nf.float32.as_numpy_dtype(3)  # tf.int8"),
        ("s = 'tf.add'; t = tf.add(x, y)", "s = 'tf.add'; t = nf.add(x, y)"),
        ("ä = tf.add(ö, tf.exp(ü))", "ä = nf.add(ö, nf.exp(ü))"),
        ("tf.train.AdamOptimizer(1).minimize(x)", "nf.train.AdamOptimizer(1).minimize(x)"),
        ("f = tf.math.exp", "f = nf.math.exp"),
        ("x = tf.linalg.inv(a)", "x = nf.linalg.inv(a)"),
        ("x = tf.random.normal([2], stddev=0.1)", "x = nf.random.normal([2], stddev=0.1)"),
        ("x = tf.math.top_k(a, k=2)", "x = nf.math.top_k(a, k=2)"),
        ("tf.logging.set_verbosity(tf.logging.INFO)", "pass"),
        ("x.tf.add(1)", "x.tf.add(1)"),
        ("tf.exp(\n    input=x,\n)", "nf.exp(\n    x=x,\n)"),
        ("tf.matmul(a=x, b=y)", "nf.matmul(a=x, b=y)"),
    ],
)  # fmt: skip
def test_names_and_keywords_are_renamed_in_place(before: str, after: str) -> None:
    converted = convert(f"import tensorflow as tf\n{before}\n")
    assert converted.text == f"import nodeflow as nf\n{after}\n"
    assert converted.problems == ()


@pytest.mark.parametrize(
    "line",
    [
        "import tensorflow as tf",
        "import tensorflow.compat.v1 as tf",
        "from tensorflow.compat import v1 as tf",
    ],
)
def test_the_usual_imports_are_known(line: str) -> None:
    assert convert(f"{line}\ntf.abs(x)\n").text == "import nodeflow as nf\nnf.abs(x)\n"


def test_a_module_without_another_name_and_old_paths_are_known() -> None:
    text = convert("import tensorflow\ntensorflow.compat.v1.abs(tensorflow.exp(x))\n").text
    assert text == "import nodeflow as nf\nnf.abs(nf.exp(x))\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("q = tf.FIFOQueue(3, [tf.float32])", "2:5: tf.FIFOQueue is not here: a data set feeds"),
        ("f(tf)", "2:3: tf alone"),
        ("y = tf.exp(x, wrong=1)", "nf.exp has no argument 'wrong'"),
        ("from tensorflow.examples import mnist", "import what it stands for instead"),
        ("x = tf.contrib.slim.conv2d(y)", "tf.contrib is gone from TensorFlow itself"),
        ("d = tf.contrib.seq2seq.BasicDecoder(c)", "feed the last output back by nf.while_loop"),
        ("s = tf.Session(target='')", "has no argument 'target': a session runs in one process"),
        ("import os, tensorflow.keras", "write each import on a line of its own"),
    ],
)
def test_what_cannot_be_renamed_is_said_with_its_place(line: str, said: str) -> None:
    converted = convert(f"import tensorflow as tf\n{line}\n")
    assert any(said in str(problem) for problem in converted.problems), converted.problems


def test_parts_of_tensorflow_that_are_imported_alone_are_known() -> None:
    source = """\
from tensorflow.examples.tutorials.mnist import input_data
import tensorflow as tf
from tensorflow.contrib import layers, rnn
import tensorflow.contrib.seq2seq as seq2seq
mnist = input_data.read_data_sets("data", one_hot=True)
cell = rnn.BasicLSTMCell(8)
y = layers.fully_connected(x, 3, activation_fn=tf.nn.tanh)
loss = seq2seq.sequence_loss(y, t, w)
w = tf.get_variable("w", [2], initializer=tf.contrib.layers.xavier_initializer())
"""
    converted = convert(source)
    assert converted.problems == ()
    assert (
        converted.text
        == """\
from nodeflow.data import mnist_tutorial as input_data
import nodeflow as nf
mnist = input_data.read_data_sets("data", one_hot=True)
cell = nf.nn.rnn_cell.BasicLSTMCell(8)
y = nf.contrib.layers.fully_connected(x, 3, activation_fn=nf.nn.tanh)
loss = nf.contrib.layers.sequence_loss(y, t, w)
w = nf.get_variable("w", [2], initializer=nf.contrib.layers.xavier_initializer())
"""
    )


def test_options_and_main_stay_as_they_are() -> None:
    source = """\
import tensorflow as tf
flags = tf.app.flags
flags.DEFINE_integer("steps", 10, "how many")
tf.flags.DEFINE_float("rate", 0.1, "how fast")
FLAGS = tf.app.flags.FLAGS
print(tf.flags.FLAGS.steps, tf.to_float(x))
tf.app.run(main)
"""
    converted = convert(source)
    assert converted.problems == ()
    assert converted.text == source.replace("tensorflow as tf", "nodeflow as nf").replace(
        "tf.app.flags", "nf.flags"
    ).replace("tf.", "nf.")


def test_the_command_writes_a_file_and_says_what_is_left(tmp_path, capsys) -> None:
    program, output = tmp_path / "old.py", tmp_path / "new.py"
    program.write_text("import tensorflow as tf\nx = tf.zeros([2])\n", encoding="utf-8")
    assert main([str(program), "-o", str(output)]) == 0
    assert output.read_text(encoding="utf-8") == "import nodeflow as nf\nx = nf.zeros([2])\n"
    program.write_text("import tensorflow as tf\ntf.sparse_add(a, b)\n", encoding="utf-8")
    assert main([str(program)]) == 1
    printed = capsys.readouterr()
    assert printed.out == "import nodeflow as nf\ntf.sparse_add(a, b)\n"
    assert "old.py:2:1: tf.sparse_add is not here: there are no sparse tensors" in printed.err
    program.write_text("def", encoding="utf-8")
    assert main([str(program)]) == 1
    assert main([str(tmp_path / "none.py")]) == 1
