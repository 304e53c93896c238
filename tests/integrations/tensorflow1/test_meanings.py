"""Names that mean in `tf` what TensorFlow 1 means by them: its documentation and numpy decide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf
import nodeflow.tensorflow1 as tf


def run(*tensors: Any, feeds: Any = None) -> list[np.ndarray]:
    with tf.Session(graph=tensors[0].graph) as session:
        session.initialize()
        return session.run(list(tensors), feeds)


@pytest.mark.parametrize(
    ("dtype", "wanted"),
    [("int32", "float64"), ("int64", "float64"), ("int8", "float32"), ("uint16", "float32")],
)
def test_integers_divide_to_floats(dtype: str, wanted: str) -> None:
    x, y = np.array([7, 3, 1], dtype), np.array([2, 4, 8], dtype)
    with tf.Graph().as_default():
        a, b = tf.constant(x), tf.constant(y)
        quotients = [a / b, tf.divide(a, b), tf.truediv(a, b), 7 / b, a / 2]
        expected = [x / y, x / y, x / y, 7 / y, x / 2]
        for ours, theirs in zip(run(*quotients), expected, strict=True):
            assert ours.dtype == wanted
            np.testing.assert_array_equal(ours, theirs.astype(wanted))


def test_integers_divide_in_the_default_graph_and_in_loops() -> None:
    tf.reset_default_graph()
    assert (tf.constant(3) / tf.constant(2)).dtype == tf.float64
    with tf.Graph().as_default():
        _, total = tf.while_loop(
            lambda i, t: i < 4, lambda i, t: (i + 1, t + i / 2), [0, tf.constant(0.0, tf.float64)]
        )
        assert run(total) == [3.0]


def test_a_graph_of_nodeflow_still_refuses_integers() -> None:
    with nf.Graph(), pytest.raises(nf.errors.DtypeError, match="floor_divide"):
        nf.constant(3) / nf.constant(2)


def test_floats_divide_as_before() -> None:
    with tf.Graph().as_default():
        x = tf.constant([3.0, 5.0])
        np.testing.assert_array_equal(run(x / 2)[0], np.float32([1.5, 2.5]))
        assert (x / 2).dtype == tf.float32


def test_the_mean_of_integers_is_an_integer() -> None:
    x = np.array([[1, 0, 1, 0], [-7, 1, 1, 2]], "int32")
    with tf.Graph().as_default():
        a = tf.constant(x)
        means = run(
            tf.reduce_mean(tf.constant([1, 0, 1, 0])),  # 0, in TensorFlow's documentation
            tf.reduce_mean(a, 1),
            tf.reduce_mean(a, reduction_indices=[1], keep_dims=True),
            tf.reduce_mean(tf.constant([1.0, 0.0, 1.0, 0.0])),
        )
    assert means[0] == 0 and means[0].dtype == np.int32
    np.testing.assert_array_equal(means[1], np.trunc(x.sum(1) / 4).astype("int32"))
    np.testing.assert_array_equal(means[2], means[1][:, None])
    assert means[3] == 0.5


@pytest.mark.parametrize("strategy", ["mod", "div"])
def test_a_table_may_come_in_parts(strategy: str) -> None:
    table = np.arange(14, dtype="float32").reshape(7, 2)
    ids = np.array([[0, 6, 3], [5, 1, 2]])
    parts = [table[i::3] for i in range(3)] if strategy == "mod" else np.array_split(table, 3)
    with tf.Graph().as_default():
        variables = [tf.Variable(part) for part in parts]
        found = tf.nn.embedding_lookup(variables, ids, partition_strategy=strategy)
        slopes = tf.gradients(tf.reduce_sum(found), variables)
        rows, *slopes = run(found, *[tf.convert_to_tensor(slope) for slope in slopes])
    np.testing.assert_array_equal(rows, table[ids])
    assert sum(slope.sum() for slope in slopes) == ids.size * 2


@pytest.mark.parametrize("kind", [tf.Session, tf.InteractiveSession])
def test_assigns_without_an_order_run_one_after_the_other(kind: Any) -> None:
    """As in the training of a critic of a Wasserstein GAN: a step, and its clipped weights."""
    with tf.Graph().as_default() as graph:
        w = tf.Variable([3.0, -0.2], name="w")
        factor = tf.placeholder(tf.float32, [])
        loss = factor * tf.reduce_sum(tf.square(w))
        train = tf.train.GradientDescentOptimizer(0.25).minimize(loss)
        clip = w.assign(tf.clip_by_value(w, -1.0, 1.0))
        session = kind(graph=graph)
        session.run(tf.global_variables_initializer())
        for start, expected in (([3.0, -0.2], [1.0, -0.1]), ([1.0, -0.1], [0.5, -0.05])):
            none, value, clipped = session.run([train, loss, clip], {factor: 1.0})
            assert none is None
            np.testing.assert_allclose(value, np.square(start).sum(), rtol=1e-6)
            np.testing.assert_allclose(clipped, expected, rtol=1e-6)
            np.testing.assert_allclose(session.run(w), expected, rtol=1e-6)
        session.close()
        plain = nf.Session(graph)
        plain.initialize()
        with pytest.raises(nf.errors.AssignOrderError):
            plain.run([train, clip], {factor: 1.0})


def test_a_constant_text_is_run_as_bytes() -> None:
    with tf.Graph().as_default():
        hello, words = tf.constant("Hello, TensorFlow!"), tf.constant([["a", "ä"]])
        number = tf.constant(3)
        with tf.Session() as session:
            assert session.run(hello) == b"Hello, TensorFlow!" == hello.eval()
            assert session.run([number, hello, {"x": number}])[1:] == [hello.value, {"x": 3}]
            found = session.run(words)
    assert found.dtype == object and found.tolist() == [[b"a", "ä".encode()]]
    assert number.dtype == tf.int32


def test_scipy_minimizes_a_loss_within_bounds() -> None:
    """The example of TensorFlow's documentation, with its results."""
    with tf.Graph().as_default(), tf.Session() as session:
        vector = tf.Variable([7.0, 7.0], name="vector")
        scale = tf.Variable(1.0, name="scale")
        session.run(tf.global_variables_initializer())
        loss = tf.reduce_sum(tf.square(vector)) + tf.square(scale - 3.0)
        seen: list[float] = []
        optimizer = tf.contrib.opt.ScipyOptimizerInterface(loss, options={"maxiter": 100})
        optimizer.minimize(session, fetches=[loss], loss_callback=seen.append)
        np.testing.assert_allclose(session.run(vector), [0, 0], atol=1e-4)
        np.testing.assert_allclose(session.run(scale), 3, atol=1e-4)
        assert seen[0] == 102 and seen[-1] < 1e-6
        session.run(tf.global_variables_initializer())
        bounds = {vector: ([1, 2], np.inf)}
        bounded = tf.contrib.opt.ScipyOptimizerInterface(loss, [vector], var_to_bounds=bounds)
        bounded.minimize(session)
        np.testing.assert_allclose(session.run(vector), [1, 2], atol=1e-5)
        session.run(tf.global_variables_initializer())
        constrained = tf.contrib.opt.ScipyOptimizerInterface(
            loss, [vector], equalities=[vector[1] - 2.0], inequalities=[vector[0] - 1.0]
        )
        constrained.minimize(session)
        np.testing.assert_allclose(session.run(vector), [1, 2], atol=1e-4)


def test_the_loss_of_a_list_of_steps_is_weighted() -> None:
    random = np.random.RandomState(0)
    logits = random.normal(size=(3, 4, 5)).astype("float32")
    targets, weights = random.randint(5, size=(3, 4)), random.uniform(size=(3, 4)).astype("float32")
    losses = (
        np.log(np.exp(logits).sum(-1)) - np.take_along_axis(logits, targets[..., None], -1)[..., 0]
    )
    each = (losses * weights).sum(0) / weights.sum(0)
    with tf.Graph().as_default():
        lists = [[tf.constant(step) for step in steps] for steps in (logits, targets, weights)]
        by_example = tf.contrib.legacy_seq2seq.sequence_loss_by_example(*lists)
        whole = tf.contrib.legacy_seq2seq.sequence_loss(*lists)
        plain = tf.contrib.legacy_seq2seq.sequence_loss_by_example(*lists, False)
        found = run(by_example, whole, plain)
    np.testing.assert_allclose(found[0], each, rtol=1e-5)
    np.testing.assert_allclose(found[1], each.mean(), rtol=1e-5)
    np.testing.assert_allclose(found[2], (losses * weights).sum(0), rtol=1e-5)


def test_a_decoder_may_read_its_own_outputs() -> None:
    with tf.Graph().as_default():
        cell = tf.contrib.rnn.BasicRNNCell(3)
        inputs = [tf.constant(np.full((2, 3), value, "float32")) for value in (0.1, 0.2, 0.3)]
        start = tf.zeros([2, 3])
        with tf.variable_scope("given"):
            outputs, state = tf.contrib.legacy_seq2seq.rnn_decoder(inputs, start, cell)
        other = tf.contrib.rnn.BasicRNNCell(3)
        with tf.variable_scope("own"):
            own, _ = tf.contrib.legacy_seq2seq.rnn_decoder(inputs, start, other, lambda out, _: out)
        names = sorted(v.op.name for v in tf.trainable_variables())
        values = run(*outputs, state, *own, *tf.trainable_variables())
    assert len(names) == 4 and all("rnn_decoder" in name for name in names)
    np.testing.assert_array_equal(values[2], values[3])
    kernel, bias = values[9], values[10]
    out = np.tanh(np.concatenate([np.full((2, 3), 0.1), np.zeros((2, 3))], 1) @ kernel + bias)
    np.testing.assert_allclose(values[4], out, rtol=1e-5)
    again = np.tanh(np.concatenate([out, out], 1) @ kernel + bias)
    np.testing.assert_allclose(values[5], again, rtol=1e-5)


def test_texts_become_rows_of_word_numbers(tmp_path) -> None:
    processor = tf.contrib.learn.preprocessing.VocabularyProcessor(4)
    rows = list(processor.fit_transform(["the cat isn't here", "the dog", "a b c d e"]))
    np.testing.assert_array_equal(rows, [[1, 2, 3, 4], [1, 5, 0, 0], [6, 7, 8, 9]])
    assert len(processor.vocabulary_) == 11 and rows[0].dtype == np.int64
    np.testing.assert_array_equal(next(processor.transform(["cat horse"])), [2, 0, 0, 0])
    assert list(processor.reverse([[1, 5]])) == ["the dog"]
    processor.save(str(tmp_path / "vocab"))
    again = type(processor).restore(str(tmp_path / "vocab"))
    np.testing.assert_array_equal(list(again.transform(["a dog"])), [[6, 5, 0, 0]])
    frequent = tf.contrib.learn.preprocessing.VocabularyProcessor(3, min_frequency=1).fit(
        ["b a", "b c a", "b"]
    )
    np.testing.assert_array_equal(next(frequent.transform(["b a c"])), [1, 2, 0])


class TestOfAProgram(tf.test.TestCase):
    """TensorFlow's test case, with the assertions that programs use."""

    def test_assertions(self) -> None:
        with self.test_session() as session:
            x = tf.constant([[1.0, 2.0]])
            self.assertAllEqual(session.run(x), [[1.0, 2.0]])
            self.assertAllClose(x.eval(), [[1.0, 2.0 + 1e-7]])
            self.assertAllClose({"a": [1.0]}, {"a": [1.0]})
            self.assertNear(1.0, 1.01, 0.02)
            self.assertArrayNear([1.0, 2.0], [1.0, 2.1], 0.2)
            self.assertShapeEqual(np.zeros((1, 2)), x)
        with self.assertRaises(AssertionError):
            self.assertAllEqual([1, 2], [1, 3])
        with self.assertRaises(AssertionError):
            self.assertAllClose([1.0], [1.1])
        with self.assertRaises(AssertionError):
            self.assertAllEqual([[1]], [1])
        assert not tf.test.is_gpu_available() and tf.test.gpu_device_name() == ""


def test_a_variable_keeps_its_shape() -> None:
    with nf.Graph():
        v = tf.Variable([1.0, 2.0], name="v")
        stored = tf.assign(v, [3.0, 4.0], validate_shape=False)
        np.testing.assert_array_equal(run(stored)[0], [3, 4])
        with pytest.raises(nf.NodeflowError, match="also with validate_shape=False") as caught:
            tf.assign(v, tf.zeros([3]), validate_shape=False)
        assert "the variable has shape (2,), the value (3,)" in str(caught.value)


def test_a_function_may_choose_devices() -> None:
    with nf.Graph():
        with tf.device(lambda op: "/gpu:0"):
            one = tf.constant(1.0)
        with tf.device("/cpu:0"):
            two = tf.constant(2.0)
        assert (one.op.device, two.op.device) == ("", "/device:CPU:0")
        with pytest.raises(nf.NodeflowError, match="device"), tf.device(3):  # type: ignore[arg-type]
            pass
