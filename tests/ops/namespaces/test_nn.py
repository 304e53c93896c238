"""`nn`: names, argument orders and formulas of TensorFlow 1's `tf.nn`, against numpy."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import scipy.special

import nodeflow as nf
from nodeflow.errors import AttributeProblem, GraphError, ShapeError
from nodeflow.ops.namespaces import nn
from nodeflow.ops.samples import values
from nodeflow.ops.variables.scope import Variable

X = values((3, 4))
IMAGES = values((2, 7, 6, 3))


def run(fetches: Any, feeds: dict | None = None) -> Any:
    with nf.Session(nf.get_default_graph(), tier="reference") as session:
        return session.run(fetches, feeds)


def check(function: Any, expected: Any, *args: Any, **kwargs: Any) -> None:
    with nf.Graph():
        made = function(*args, **kwargs)
        many = isinstance(made, tuple)
        found = run(list(made) if many else made)
    for one, other in zip(found, expected, strict=True) if many else [(found, expected)]:
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def conv(x: np.ndarray, kernel: np.ndarray, step: int = 1) -> np.ndarray:
    """Whole windows, by scipy."""
    out = [
        sum(
            scipy.signal.correlate2d(row[..., c], kernel[..., c, f], "valid")
            for c in range(x.shape[3])
        )
        for row in x
        for f in range(kernel.shape[3])
    ]
    out = np.array(out).reshape(len(x), kernel.shape[3], *np.shape(out)[1:])
    return np.moveaxis(out, 1, 3)[:, ::step, ::step]


def test_activations() -> None:
    big = X * 5
    check(nn.relu, np.maximum(X, 0), X)
    check(nn.relu6, np.clip(big, 0, 6), big)
    check(nn.crelu, np.concatenate([np.maximum(X, 0), np.maximum(-X, 0)], -1), X)
    check(nn.elu, np.where(X > 0, X, np.expm1(X)), X)
    selu = 1.0507009873554805 * np.where(X > 0, X, 1.6732632423543772 * np.expm1(X))
    check(nn.selu, selu, X)
    check(nn.leaky_relu, np.where(X > 0, X, 0.2 * X), X)
    check(nn.leaky_relu, np.where(X > 0, X, 0.1 * X), X, 0.1)
    check(nn.softplus, np.log1p(np.exp(X)), X)
    check(nn.softsign, X / (1 + np.abs(X)), X)
    check(nn.sigmoid, scipy.special.expit(X), X)
    check(nn.tanh, np.tanh(X), X)
    check(nn.softmax, scipy.special.softmax(X, -1), X)
    check(nn.softmax, scipy.special.softmax(X, 0), X, dim=0)
    check(nn.log_softmax, scipy.special.log_softmax(X, 0), X, 0)
    with nf.Graph(), pytest.raises(GraphError, match="not both"):
        nn.softmax(X, axis=0, dim=0)


def test_convolution() -> None:
    kernel = values((3, 2, 3, 5), start=4)
    check(nn.conv2d, conv(IMAGES, kernel), IMAGES, kernel, [1, 1, 1, 1], "VALID")
    check(nn.conv2d, conv(IMAGES, kernel, 2), IMAGES, kernel, [1, 2, 2, 1], padding="VALID")
    first = np.moveaxis(IMAGES, 3, 1)
    expected = np.moveaxis(conv(IMAGES, kernel), 3, 1)
    check(nn.conv2d, expected, first, kernel, [1, 1, 1, 1], "VALID", data_format="NCHW")
    with nf.Graph():
        same = nn.conv2d(IMAGES, kernel, strides=[1, 2, 2, 1], padding="SAME")
        assert same.shape == (2, 4, 3, 5)
        with pytest.raises(AttributeProblem, match="rows and channels"):
            nn.conv2d(IMAGES, kernel, [2, 1, 1, 1], "SAME")
        with pytest.raises(AttributeProblem, match="data_format"):
            nn.conv2d(IMAGES, kernel, [1, 1, 1, 1], "SAME", data_format="HWC")
    wide = np.zeros((5, 2, 3, 5))
    wide[::2] = kernel
    check(nn.conv2d, conv(IMAGES, wide), IMAGES, kernel, 1, "VALID", dilations=[1, 2, 1, 1])
    series = values((2, 7, 3))
    check(
        nn.conv1d,
        conv(series[:, :, None], kernel[:, :1])[:, ::2, 0],
        series,
        kernel[:, 0],
        2,
    )


def test_depthwise_and_separable_convolution() -> None:
    kernel, point = values((3, 2, 3, 2), start=4), values((1, 1, 6, 4), start=9)
    each = [conv(IMAGES[..., c : c + 1], kernel[:, :, c : c + 1]) for c in range(3)]
    each = np.concatenate(each, -1)
    check(nn.depthwise_conv2d, each, IMAGES, kernel, [1, 1, 1, 1], "VALID")
    args = IMAGES, kernel, point, [1, 1, 1, 1], "VALID"
    check(nn.separable_conv2d, each @ point[0, 0], *args)


def test_transposed_convolution_is_the_gradient() -> None:
    kernel, y = values((3, 3, 4, 2), start=3), values((2, 3, 3, 2))
    with nf.Graph():
        x = nf.constant(np.zeros((2, 6, 6, 4)))
        out = nn.conv2d(x, kernel, [1, 2, 2, 1], "SAME")
        (slope,) = nf.gradients(out, x, nf.constant(y))
        made = nn.conv2d_transpose(y, kernel, [2, 6, 6, 4], [1, 2, 2, 1])
        one, other = run([made, slope])
        with pytest.raises(ShapeError, match="output_shape is"):
            nn.conv2d_transpose(y, kernel, [2, 7, 7, 4], [1, 2, 2, 1])
    np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_pooling() -> None:
    blocks = IMAGES[:, :6].reshape(2, 3, 2, 3, 2, 3)
    sizes = [1, 2, 2, 1], [1, 2, 2, 1], "VALID"
    check(nn.max_pool, blocks.max((2, 4)), IMAGES, *sizes)
    check(nn.avg_pool, blocks.mean((2, 4)), IMAGES, ksize=2, strides=2, padding="VALID")
    with nf.Graph():
        assert nn.max_pool(IMAGES, [1, 3, 3, 1], [1, 2, 2, 1], "SAME").shape == (
            2,
            4,
            3,
            3,
        )


def test_borders_are_pairs_for_every_axis() -> None:
    kernel, pairs = values((3, 2, 3, 5), start=4), [[0, 0], [1, 2], [0, 3], [0, 0]]
    expected = conv(np.pad(IMAGES, pairs), kernel)
    check(nn.conv2d, expected, IMAGES, kernel, [1, 1, 1, 1], pairs)
    first, moved = np.moveaxis(IMAGES, 3, 1), [pairs[i] for i in (0, 3, 1, 2)]
    check(
        nn.conv2d,
        np.moveaxis(expected, 3, 1),
        first,
        kernel,
        1,
        moved,
        data_format="NCHW",
    )
    wide = np.pad(IMAGES, [[0, 0], [1, 1], [0, 0], [0, 0]], constant_values=-np.inf)
    blocks = wide[:, :8].reshape(2, 4, 2, 3, 2, 3).max((2, 4))
    check(nn.max_pool, blocks, IMAGES, 2, 2, [[0, 0], [1, 0], [0, 0], [0, 0]])
    with nf.Graph(), pytest.raises(AttributeProblem, match="rows and channels"):
        nn.conv2d(IMAGES, kernel, 1, [[1, 0], [0, 0], [0, 0], [0, 0]])


def test_volumes_and_any_number_of_axes() -> None:
    volumes, kernel = values((1, 4, 5, 6, 2)), values((2, 3, 2, 2, 3), start=4)
    expected = np.stack(
        [
            sum(
                scipy.signal.correlate(volumes[0, ..., c], kernel[..., c, f], "valid")
                for c in (0, 1)
            )
            for f in range(3)
        ],
        -1,
    )[None]
    check(nn.conv3d, expected[:, ::2], volumes, kernel, [1, 2, 1, 1, 1], "VALID")
    check(nn.convolution, expected[:, :, :, ::2], volumes, kernel, "VALID", [1, 1, 2])
    check(nn.convolution, conv(IMAGES, kernel[:, :, 0, :1].repeat(3, 2)), IMAGES,
          kernel[:, :, 0, :1].repeat(3, 2), "VALID")  # fmt: skip
    blocks = volumes[:, :, :4].reshape(1, 2, 2, 2, 2, 3, 2, 2)
    sizes = [1, 2, 2, 2, 1], [1, 2, 2, 2, 1], "VALID"
    check(nn.max_pool3d, blocks.max((2, 4, 6)), volumes, *sizes)
    check(nn.avg_pool3d, blocks.mean((2, 4, 6)), volumes, *sizes)
    check(
        nn.pool,
        blocks.max((2, 4, 6)),
        volumes,
        [2, 2, 2],
        "MAX",
        "VALID",
        strides=[2, 2, 2],
    )
    apart = np.maximum(IMAGES[:, :-2], IMAGES[:, 2:])
    check(nn.pool, apart, IMAGES, [2, 1], "MAX", "VALID", [2, 1])
    series = IMAGES[:, :6, 0]
    check(nn.avg_pool1d, series.reshape(2, 3, 2, 3).mean(2), series, 2, 2, "VALID")
    with nf.Graph():
        with pytest.raises(AttributeProblem, match="'MAX' or 'AVG'"):
            nn.pool(IMAGES, 2, "MIN", "SAME")
        with pytest.raises(ShapeError, match="five axes"):
            nn.pool(X, 2, "MAX", "SAME")
        with pytest.raises(GraphError, match="not both"):
            nn.conv3d(volumes, kernel, filters=kernel)


def test_indices_of_the_largest() -> None:
    size, step = [1, 2, 2, 1], [1, 2, 2, 1]
    with nf.Graph():
        made = nn.max_pool_with_argmax(IMAGES, size, step, "SAME", include_batch_in_index=True)
        small = nn.max_pool_with_argmax(IMAGES, size, step, "SAME", output_dtype=nf.int32)
        values_found, index, plain = run([made.output, made.argmax, small.argmax])
    assert (index.dtype, plain.dtype) == (np.int64, np.int32)
    np.testing.assert_array_equal(IMAGES.ravel()[index], values_found)
    np.testing.assert_array_equal(index[1] - IMAGES[0].size, plain[1])


def test_shapes_of_transposed_convolutions_are_numbers_or_tensors() -> None:
    """(7 + 1) / 2 = 4 windows as well as 8 / 2: TensorFlow 1's programs choose by output_shape."""
    kernel, y = values((3, 3, 4, 2), start=3), values((2, 4, 4, 2))
    for size in (7, 8):
        with nf.Graph():
            x = nf.constant(np.zeros((2, size, size, 4)))
            out = nn.conv2d(x, kernel, [1, 2, 2, 1], "SAME")
            (slope,) = nf.gradients(out, x, nf.constant(y))
            shapes = [2, size, size, 4], nf.stack([nf.shape(nf.constant(y))[0], size, size, 4])
            made = [nn.conv2d_transpose(y, kernel, shape, [1, 2, 2, 1]) for shape in shapes]
            again = nn.conv2d_backprop_input([2, size, size, 4], kernel, y, [1, 2, 2, 1], "SAME")
            for found in run([*made, again]):
                np.testing.assert_allclose(found, run(slope), rtol=1e-12)


def test_the_gradient_by_filters_is_an_op() -> None:
    kernel, y = values((3, 3, 3, 2), start=3), values((2, 4, 3, 2))
    with nf.Graph():
        weights = nf.constant(kernel)
        out = nn.conv2d(IMAGES, weights, [1, 2, 2, 1], "SAME")
        (slope,) = nf.gradients(out, weights, nf.constant(y))
        made = nn.conv2d_backprop_filter(IMAGES, kernel.shape, y, [1, 2, 2, 1], "SAME")
        one, other = run([made, slope])
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_grey_dilation_and_erosion_are_scipys() -> None:
    """Scipy's windows lie around their middle, which has the same border for odd sizes."""
    kernel = values((3, 3, 3), start=5)
    larger = np.stack(
        [
            scipy.ndimage.grey_dilation(
                IMAGES[0, ..., c], structure=kernel[::-1, ::-1, c], mode="constant", cval=-np.inf
            )
            for c in range(3)
        ],
        -1,
    )
    check(nn.dilation2d, larger[None], IMAGES[:1], kernel, 1, 1, "SAME")
    smaller = np.stack(
        [
            scipy.ndimage.grey_erosion(
                IMAGES[0, ..., c], structure=kernel[..., c], mode="constant", cval=np.inf
            )
            for c in range(3)
        ],
        -1,
    )
    check(nn.erosion2d, smaller[None], IMAGES[:1], kernel[::-1, ::-1], 1, 1, "SAME")


def test_biases() -> None:
    bias, weights = values((3,), start=4), values((4, 3), start=2)
    check(nn.bias_add, IMAGES + bias, IMAGES, bias)
    first = np.moveaxis(IMAGES, 3, 1)
    check(nn.bias_add, first + bias[:, None, None], first, bias, "NCHW")
    check(nn.xw_plus_b, X @ weights + bias, X, weights, bias)
    check(nn.relu_layer, np.maximum(X @ weights + bias, 0), X, weights, bias)
    with nf.Graph(), pytest.raises(ShapeError, match="one axis"):
        nn.bias_add(X, X)


def test_normalisation() -> None:
    mean, var = IMAGES.mean((0, 1, 2)), IMAGES.var((0, 1, 2))
    check(nn.moments, (mean, var), IMAGES, [0, 1, 2])
    kept = mean[None, None, None], var[None, None, None]
    check(nn.moments, kept, IMAGES, [0, 1, 2], keep_dims=True)
    offset, scale = values((3,), start=1), values((3,), start=6)
    expected = (IMAGES - mean) / np.sqrt(var + 0.01) * scale + offset
    check(nn.batch_normalization, expected, IMAGES, mean, var, offset, scale, 0.01)
    plain = (IMAGES - mean) / np.sqrt(var + 0.01)
    check(nn.batch_normalization, plain, IMAGES, mean, var, None, None, 0.01)
    n = IMAGES.size // 3
    fused = expected, mean, var * n / (n - 1)
    check(nn.fused_batch_norm, fused, IMAGES, scale, offset, epsilon=0.01)
    length = np.sqrt((X**2).sum(1, keepdims=True))
    check(nn.l2_normalize, X / length, X, 1)
    check(nn.l2_normalize, X / np.sqrt((X**2).sum()), X)
    check(nn.l2_loss, (X**2).sum() / 2, X)
    check(nn.zero_fraction, 0.25, np.array([0.0, 1.0, 2.0, -1.0]))


def test_the_gradient_of_moments_goes_through_both() -> None:
    with nf.Graph():
        x = nf.constant(X)
        mean, variance = nn.moments(x, [0])
        (slope,) = nf.gradients(nf.reduce_sum(mean * 2.0) + nf.reduce_sum(variance), x)
        found = run(slope)
    np.testing.assert_allclose(found, 2 / 3 + 2 / 3 * (X - X.mean(0)), rtol=1e-10)


def test_cross_entropies_take_their_arguments_by_name() -> None:
    labels, logits = np.eye(4)[[1, 0, 3]], X
    each = -(labels * scipy.special.log_softmax(logits, -1)).sum(-1)
    for function in (nn.softmax_cross_entropy_with_logits, nn.softmax_cross_entropy_with_logits_v2):
        check(function, each, labels=labels, logits=logits)
        check(function, each, labels=labels.T, logits=logits.T, axis=0)
    numbers = np.array([1, 0, 3])
    check(nn.sparse_softmax_cross_entropy_with_logits, each, labels=numbers, logits=logits)
    yes = (X > 0).astype("float64")
    binary = np.maximum(X, 0) - X * yes + np.log1p(np.exp(-abs(X)))
    check(nn.sigmoid_cross_entropy_with_logits, binary, labels=yes, logits=X)
    weighted = yes * -np.log(scipy.special.expit(X)) * 3 - (1 - yes) * np.log(
        scipy.special.expit(-X)
    )
    check(nn.weighted_cross_entropy_with_logits, weighted, yes, X, 3.0)
    with nf.Graph():
        for function in (
            nn.softmax_cross_entropy_with_logits,
            nn.sparse_softmax_cross_entropy_with_logits,
            nn.sigmoid_cross_entropy_with_logits,
        ):
            with pytest.raises(GraphError, match="by name"):
                function(logits, labels)
            with pytest.raises(GraphError, match="by name"):
                function(logits=logits)


def test_only_version_2_has_a_gradient_for_labels() -> None:
    with nf.Graph():
        labels, logits = Variable(np.eye(4)[:3]), Variable(X)
        old = nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        new = nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
        assert nf.gradients(old, labels) == [None]
        assert nf.gradients(new, labels) != [None]


def test_dropout_acts_in_every_run() -> None:
    ones = np.ones((200, 50), "float32")
    with nf.Graph():
        keep = nf.placeholder("float32", [])
        fed = nn.dropout(ones, keep)
        fixed = nn.dropout(ones, rate=0.25)
        some, rest = run([fed, fixed], {keep: 0.5})
        all_kept = run(fed, {keep: 1.0})
        with pytest.raises(GraphError, match="either keep_prob or rate"):
            nn.dropout(ones)
    assert set(np.unique(some)) == {0, 2}
    assert abs(some.mean() - 1) < 0.05
    np.testing.assert_allclose(np.unique(rest), [0, 4 / 3], rtol=1e-6)
    np.testing.assert_array_equal(all_kept, ones)


def test_tables_and_ranks() -> None:
    table = values((5, 3))
    ids = np.array([[0, 4], [2, 2]])
    check(nn.embedding_lookup, table[ids], table, ids)
    check(nn.embedding_lookup, table[ids], [table], ids, "div")
    length = np.sqrt((table**2).sum(-1, keepdims=True))
    short = table * np.minimum(1, 0.8 / length)
    check(nn.embedding_lookup, short[ids], table, ids, max_norm=0.8)
    scores = np.array([[1.0, 3.0, 2.0], [1.0, 1.0, 0.0], [np.inf, 0.0, 1.0], [0.0, np.nan, 1.0]])
    with nf.Graph():
        top, where = run(list(nn.top_k(scores[:1], 2)))
        first = run(nn.in_top_k(scores, [2, 0, 1, 1], 1))
        second = run(nn.in_top_k(scores, [2, 1, 1, 2], 2))
    assert (top.tolist(), where.tolist()) == ([[3, 2]], [[1, 2]])
    assert first.tolist() == [False, True, False, False]
    assert second.tolist() == [True, True, False, True]


def test_every_op_is_found_and_others_are_named() -> None:
    check(nn.gelu, X * scipy.special.ndtr(X), X)
    with pytest.raises(AttributeError, match="max_pool"):
        nn.maxpool  # noqa: B018


@pytest.mark.parametrize("pseudo", [False, True])
@pytest.mark.parametrize("overlapping", [False, True])
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_fractional_pooling_draws_windows_of_two_lengths(
    kind: str, overlapping: bool, pseudo: bool
) -> None:
    x = values((2, 11, 13, 3))
    drawn = set()
    with nf.Graph() as graph:
        source = nf.constant(x)
        pool = getattr(nn, f"fractional_{kind}_pool")
        made = pool(source, [1.0, 1.44, 1.73, 1.0], pseudo, overlapping)
        (slope,) = nf.gradients(made.output, source)
    for tier in ("reference", "compiled"):
        with nf.Session(graph, tier=tier) as session:
            for _ in range(6):
                out, rows, columns, grad = session.run([*made, slope])
                drawn.add((*rows.tolist(), *columns.tolist()))
                assert (rows[0], rows[-1], columns[0], columns[-1]) == (0, 11, 0, 13)
                assert set(np.diff(rows)) == set(np.diff(columns)) == {1, 2}
                reduce = np.max if kind == "max" else np.mean
                windows = [
                    [reduce(x[:, a : b + overlapping, c : d + overlapping], axis=(1, 2))
                     for c, d in pairwise(columns)]
                    for a, b in pairwise(rows)
                ]  # fmt: skip
                np.testing.assert_allclose(out, np.transpose(windows, (2, 0, 1, 3)), rtol=1e-12)
                np.testing.assert_allclose(grad.sum(), out.size, rtol=1e-12)
    assert len(drawn) > 3


def test_fractional_pooling_that_is_deterministic_draws_once() -> None:
    with nf.Graph() as graph:
        pools = [
            nn.fractional_max_pool(IMAGES, [1, 1.3, 1.4, 1], deterministic=True, seed=n)
            for n in (3, 3, 4)
        ]
    with nf.Session(graph, tier="reference") as session:
        first, second = (session.run([p[1:] for p in pools]) for _ in range(2))
    assert [list(map(list, p)) for p in first] == [list(map(list, p)) for p in second]
    assert list(map(list, first[0])) == list(map(list, first[1]))
    with nf.Graph():
        with pytest.raises(AttributeProblem, match="pooling_ratio"):
            nn.fractional_max_pool(IMAGES, [1, 0.5, 1, 1])
        with pytest.raises(ShapeError, match="known sizes"):
            nn.fractional_max_pool(X, [1, 1.5, 1.5, 1])
