"""The converter: what it renames, what it leaves where it is, and programs that run afterwards."""

from __future__ import annotations

import ast
import os
import warnings
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.integrations.tensorflow1.command import main
from nodeflow.integrations.tensorflow1.converter.convert import convert

PROGRAMS = Path(__file__).with_name("programs")


def run(text: str) -> dict[str, object]:
    nf.reset_default_graph()
    space: dict[str, object] = {}
    exec(compile(text, "converted", "exec"), space)
    return space


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.py")), ids=lambda p: p.stem)
def test_a_program_differs_in_its_imports_alone(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    converted = convert(source)
    assert converted.problems == ()
    pairs = zip(source.splitlines(), converted.text.splitlines(), strict=True)
    changed = [(old, new) for old, new in pairs if old != new]
    assert changed and all(
        "import" in old and "nodeflow.tensorflow1" in new for old, new in changed
    )
    assert convert(converted.text).text == converted.text, "nothing is left to do"


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.py")), ids=lambda p: p.stem)
def test_a_program_is_renamed_without_a_remark(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    converted = convert(source, rename=True)
    assert converted.problems == ()
    assert "nf." in converted.text
    assert ast.get_docstring(ast.parse(converted.text)) == ast.get_docstring(ast.parse(source))


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
        ("y = tf.nn.relu(features=x)", "y = nf.relu(x=x)"),
        ("f = tf.math.exp", "f = nf.exp"),
        ("c = tf.constant(1.0)", "c = nf.constant(1.0)"),
        ("x = tf.linalg.inv(a)", "x = nf.inverse(a)"),
        ("x = tf.random.normal([2], stddev=0.1)", "x = nf.random_normal([2], stddev=0.1)"),
        ("tf.exp(\n    input=x,\n)", "nf.exp(\n    x=x,\n)"),
        ("tf.matmul(a=x, b=y)", "nf.matmul(a=x, b=y)"),
    ],
)  # fmt: skip
def test_names_and_keywords_are_renamed_in_place(before: str, after: str) -> None:
    converted = convert(f"import tensorflow as tf\n{before}\n", rename=True)
    assert converted.text == f"import nodeflow as nf\n{after}\n"
    assert converted.problems == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import tensorflow as tf", "import nodeflow.tensorflow1 as tf"),
        ("import tensorflow", "import nodeflow.tensorflow1 as tensorflow"),
        ("import tensorflow.compat.v1 as tf", "import nodeflow.tensorflow1 as tf"),
        ("from tensorflow.compat import v1 as tf", "import nodeflow.tensorflow1 as tf"),
        ("import numpy, tensorflow as tf", "import numpy, nodeflow.tensorflow1 as tf"),
        (
            "from tensorflow.contrib import rnn, layers",
            "from nodeflow.tensorflow1.contrib import rnn, layers",
        ),
        (
            "import tensorflow.contrib.layers as l",
            "import nodeflow.tensorflow1.contrib.layers as l",
        ),
        ("import tensorflow.contrib.layers", "import nodeflow.tensorflow1 as tensorflow"),
        (
            "from tensorflow.examples.tutorials.mnist import input_data",
            "from nodeflow.tensorflow1.examples.tutorials.mnist import input_data",
        ),
        (
            "from tensorflow.python.framework import ops",
            "from nodeflow.tensorflow1.python.framework import ops",
        ),
        ("from tensorflow import (exp,\n  log)", "from nodeflow.tensorflow1 import (exp,\n  log)"),
        ("from .tensorflow import x", "from .tensorflow import x"),
        ("import tensorflow_datasets", "import tensorflow_datasets"),
    ],
)
def test_imports_name_nodeflow(before: str, after: str) -> None:
    converted = convert(f"{before}\nx = 1\n")
    assert converted.text == f"{after}\nx = 1\n"
    assert converted.problems == ()
    if after.startswith(("import nodeflow", "from nodeflow")):
        exec(after, {})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("q = tf.FIFOQueue(3, [tf.float32])", "2:5: tf.FIFOQueue is not here: a data set feeds"),
        ("y = tf.exp(x, wrong=1)", "tf.exp has no argument 'wrong'"),
        ("from tensorflow.contrib import crf", "tf.contrib is gone from TensorFlow itself"),
        ("x = tf.contrib.slim.nets.vgg(y)", "tf.contrib is gone from TensorFlow itself"),
        ("x = tf.no_such_thing", "tf.no_such_thing is unknown"),
        ("d = tf.contrib.seq2seq.BasicDecoder(c)", "feed the last output back by nf.while_loop"),
        ("import os, tensorflow.keras as keras", "Keras has its own graph"),
    ],
)
def test_what_is_missing_is_said_with_its_place(line: str, said: str) -> None:
    converted = convert(f"import tensorflow as tf\n{line}\n")
    assert any(said in str(problem) for problem in converted.problems), converted.problems


def test_parts_that_are_imported_alone_are_checked_and_renamed() -> None:
    source = """\
from tensorflow.examples.tutorials.mnist import input_data
import tensorflow as tf
from tensorflow.contrib import layers, rnn
mnist = input_data.read_data_sets("data", one_hot=True)
cell = rnn.BasicLSTMCell(8)
y = layers.fully_connected(x, 3, activation_fn=tf.nn.tanh)
"""
    converted = convert(source, rename=True)
    assert converted.problems == ()
    assert (
        converted.text
        == """\
from nodeflow.tensorflow1.examples.tutorials.mnist import input_data
import nodeflow as nf
import nodeflow.tensorflow1 as tf
from nodeflow.tensorflow1.contrib import layers, rnn
mnist = input_data.read_data_sets("data", one_hot=True)
cell = rnn.BasicLSTMCell(8)
y = layers.fully_connected(x, 3, activation_fn=nf.tanh)
"""
    )


SPELLED = """\
import numpy as np
import tensorflow as tf
rate = 0.1
table = tf.Variable(np.arange(12.0, dtype="float32").reshape(4, 3))
chosen = tf.nn.embedding_lookup(table, [0, 2])
mask = tf.constant([True, False])
picked = tf.where(mask, chosen, 2 * chosen)
loss = tf.reduce_sum(tf.square(picked))
first = OPTIMIZER.minimize(loss)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for _ in range(3):
        session.run(first)
    values = session.run(table)
"""
STEPS = {
    "tf.train.MomentumOptimizer(rate, 0.9, use_nesterov=True)": (
        'nf.momentum(loss, learning_rate=rate, momentum=0.9, nesterov=True, rows="touched")'
    ),
    "tf.train.RMSPropOptimizer(learning_rate=0.1, decay=0.5)": (
        'nf.rmsprop(loss, learning_rate=0.1, rho=0.5, rows="touched")'
    ),
    "tf.train.FtrlOptimizer(0.1, -0.5, 0.2, l1_regularization_strength=0.1)": (
        'nf.ftrl(loss, learning_rate=0.1, power=-0.5, initial_sum=0.2, l1=0.1, rows="touched")'
    ),
    "tf.train.AdadeltaOptimizer()": 'nf.adadelta(loss, rows="touched")',
    "tf.train.ProximalAdagradOptimizer(rate, 0.2, 0.1)": (
        'nf.proximal_adagrad(loss, learning_rate=rate, initial_sum=0.2, l1=0.1, rows="touched")'
    ),
    "tf.train.GradientDescentOptimizer(rate, use_locking=True)": (
        "nf.gradient_descent(loss, learning_rate=rate)"
    ),
    "tf.train.AdamOptimizer(1e-2, 0.8)": "nf.adam(loss, learning_rate=0.01, beta1=0.8)",
    "tf.train.AdagradOptimizer(rate)": "nf.adagrad(loss, learning_rate=rate)",
}


@pytest.mark.parametrize("optimizer", STEPS)
def test_a_renamed_program_keeps_tensorflows_meanings(optimizer: str) -> None:
    source = SPELLED.replace("OPTIMIZER", optimizer)
    converted = convert(source, rename=True)
    assert f"first = {STEPS[optimizer]}\n" in converted.text
    reshaped = "nf.reshape(mask, [-1] + [1] * (len(chosen.shape) - 1)) if len(mask.shape) == 1"
    assert f"picked = nf.where({reshaped} else mask, chosen, 2 * chosen)" in converted.text
    values = run(converted.text)["values"]
    np.testing.assert_array_equal(values, run(convert(source).text)["values"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    [
        "tf.train.MomentumOptimizer(placed, 0.9).minimize(loss)",  # perhaps a tensor
        "tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss, global_step=step)",
        "tf.train.MomentumOptimizer(0.1, 0.9, name='step').minimize(loss)",
        "tf.train.MomentumOptimizer(0.1, 0.9).compute_gradients(loss)",
        "tf.where(x > 0, x, y)",
        "tf.where(mask)",
    ],
)
def test_what_nf_spells_not_so_stays(line: str) -> None:
    converted = convert(
        f"import tensorflow as tf\nfor placed in (0.1, x):\n    {line}\n", rename=True
    )
    assert converted.text.endswith(f"    {line}\n") and converted.problems == ()


def test_a_program_of_nodeflow_0_1_is_rewritten() -> None:
    source = """\
import nodeflow as nf
from nodeflow.data import mnist_tutorial as input_data
nf.flags.DEFINE_integer("steps", 10, "how many")
y = nf.tensorflow1.where(nf.contrib.layers.flatten(c), nf.exp(x), z)
train = nf.tensorflow1.train.MomentumOptimizer(nf.flags.FLAGS.rate, 0.9)
shape = nf.TensorShape([1]).as_list()
"""
    converted = convert(source)
    assert (
        converted.text
        == """\
import nodeflow as nf
import nodeflow.tensorflow1 as tf
from nodeflow.tensorflow1.examples.tutorials.mnist import input_data as input_data
tf.flags.DEFINE_integer("steps", 10, "how many")
y = tf.where(tf.contrib.layers.flatten(c), nf.exp(x), z)
train = tf.train.MomentumOptimizer(tf.flags.FLAGS.rate, 0.9)
shape = tf.TensorShape([1]).as_list()
"""
    )
    assert convert(converted.text).text == converted.text


def test_the_command_writes_a_file_and_says_what_is_left(tmp_path, capsys) -> None:
    program, output = tmp_path / "old.py", tmp_path / "new.py"
    program.write_text("import tensorflow as tf\nx = tf.zeros([2])\n", encoding="utf-8")
    assert main([str(program), "-o", str(output)]) == 0
    new = "import nodeflow.tensorflow1 as tf\nx = tf.zeros([2])\n"
    assert output.read_text(encoding="utf-8") == new
    assert main([str(program), "--rename"]) == 0
    assert capsys.readouterr().out == "import nodeflow as nf\nx = nf.zeros([2])\n"
    program.write_text("import tensorflow as tf\ntf.sparse_add(a, b)\n", encoding="utf-8")
    assert main([str(program)]) == 1
    printed = capsys.readouterr()
    assert printed.out == "import nodeflow.tensorflow1 as tf\ntf.sparse_add(a, b)\n"
    assert "old.py:2:1: tf.sparse_add is not here: there are no sparse tensors" in printed.err
    program.write_text("def", encoding="utf-8")
    assert main([str(program)]) == 1
    assert main([str(tmp_path / "none.py")]) == 1


def test_a_pipe_as_program_is_refused(tmp_path, capsys) -> None:
    """Nobody writes to it, so reading it would never end."""
    os.mkfifo(tmp_path / "program.py")
    assert main([str(tmp_path / "program.py")]) == 1
    assert "it is not a regular file" in capsys.readouterr().err
