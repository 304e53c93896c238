"""Calls that TensorFlow 1 and nodeflow take alike: functions of the library that give tensors.

`make_values.py` runs them with TensorFlow, and the test with nodeflow. Numbers come from a seed, so
both get the same.
"""

import numpy as np

RANDOM = np.random.RandomState(0)


def f(*shape):
    return RANDOM.randn(*shape)


A = f(3, 4)
B = f(4, 5)
V = f(5)
M = f(2, 3, 3) + 3 * np.eye(3)
P = M @ M.transpose(0, 2, 1)
X5 = f(5, 3)
pos = np.abs(f(3, 4)) + 0.3
CASES = {}


def seed(name):
    """Begin the numbers of one function."""
    RANDOM.seed(sum(map(ord, name)))


def case(function):
    CASES[function.__name__] = function
    return function


def c(t, x):
    return t.constant(x)


@case
def arith(t):
    a, b = c(t, A), c(t, f(3, 4))
    ia, ib = c(t, np.array([7, -7, 7, -7])), c(t, np.array([2, 2, -2, -2]))
    return [
        t.div(a, b),
        t.div(ia, ib),
        t.truncatediv(ia, ib),
        t.truncatemod(ia, ib),
        t.floordiv(ia, ib),
        t.mod(ia, ib),
        t.squared_difference(a, b),
        t.reciprocal(a),
        t.div_no_nan(a, c(t, np.array([0.0, 1, 2, 0]))),
        t.math.multiply_no_nan(a, c(t, np.array([0.0, 1, 2, 0]))),
        t.math.reciprocal_no_nan(c(t, np.array([0.0, 2.0]))),
        t.rint(c(t, np.array([0.5, 1.5, 2.5, -0.5]))),
        t.scalar_mul(c(t, np.float64(2.0)), a),
        t.math.polyval([c(t, A), a, a], a),
    ]


@case
def special(t):
    p = c(t, pos)
    x = c(t, A)
    return [
        t.lgamma(p),
        t.digamma(p),
        t.polygamma(c(t, np.float64(1)), p),
        t.zeta(p + 1.5, p),
        t.igamma(p, p + 0.3),
        t.igammac(p, p + 0.3),
        t.betainc(p, p, c(t, 1 / (1 + pos))),
        t.math.erfinv(t.tanh(x)),
        t.math.erfcinv(1 + 0.9 * t.tanh(x)),
        t.math.bessel_i0(x),
        t.math.bessel_i0e(x),
        t.math.bessel_i1(x),
        t.math.bessel_i1e(x),
        t.lbeta(p),
    ]


@case
def reduc(t):
    a = c(t, A)
    z = c(t, np.array([[0, 1, 2], [0, 0, 3]]))
    return [
        t.count_nonzero(z),
        t.count_nonzero(z, 0),
        t.count_nonzero(z, axis=1, keep_dims=True, dtype=t.int32),
        t.math.reduce_euclidean_norm(a, 1),
        t.norm(a),
        t.norm(a, 1, 1),
        t.norm(a, np.inf, 0),
        t.norm(a, ord="fro", axis=[0, 1]),
        t.norm(a, axis=[0, 1], keep_dims=True),
        t.norm(a, 1, [0, 1]),
        t.norm(a, np.inf, [0, 1]),
        t.math.zero_fraction(z),
        t.argmax(a, 1, output_type=t.int32),
        t.argmin(a),
        t.is_non_decreasing(c(t, V)),
        t.is_strictly_increasing(c(t, np.array([1, 2, 3]))),
    ]


@case
def counts(t):
    labels = c(t, np.array([1, 2, 4]))
    p = c(t, np.array([2, 2, 4]))
    w = c(t, np.array([1.0, 2.0, 0.5]))
    return [
        t.confusion_matrix(labels, p),
        t.confusion_matrix(labels, p, 6),
        t.confusion_matrix(labels, p, 5, weights=w, dtype=t.float64),
        t.bincount(c(t, np.array([1, 1, 3], "int32"))),
        t.bincount(c(t, np.array([1, 1, 3], "int32")), minlength=6),
        t.bincount(c(t, np.array([1, 1, 3], "int32")), maxlength=2),
        t.bincount(c(t, np.array([1, 1, 3], "int32")), weights=w),
        t.histogram_fixed_width_bins(
            c(t, np.array([-1.0, 0.0, 1.5, 2.0, 5.0, 15.0])), c(t, np.array([0.0, 5.0])), nbins=5
        ),
    ]


@case
def products(t):
    a, b = c(t, A), c(t, B)
    return [
        t.matmul(a, a, adjoint_b=True),
        t.tensordot(a, b, 1),
        t.tensordot(a, b, [[1], [0]]),
        t.tensordot(c(t, M), c(t, M), [[1, 2], [2, 1]]),
        t.tensordot(a, b, 0),
        t.einsum("ij,jk->ik", a, b),
        t.cross(c(t, f(2, 3)), c(t, f(2, 3))),
        t.linspace(0.0, 1.0, 5),
        t.linspace(c(t, np.float64(2.0)), c(t, np.float64(3.0)), 1),
    ]


@case
def shapes(t):
    a = c(t, A)
    return [
        t.zeros_like(a, dtype=t.int32),
        t.ones_like(a),
        *t.split(a, [1, -1], 1),
        *t.split(a, 2, axis=1),
        t.pad(a, c(t, np.array([[1, 0], [0, 2]], "int32")), "CONSTANT", constant_values=2.0),
        t.pad(a, [[1, 1], [1, 1]], "REFLECT"),
        t.pad(a, [[1, 1], [1, 1]], mode="SYMMETRIC"),
        t.strided_slice(a, [0, 1], [3, 3], [2, 1]),
        t.strided_slice(a, [1, 0], [2, 4], [1, 1], shrink_axis_mask=1),
        t.strided_slice(a, [0, 0], [2, 0], [1, 1], end_mask=2),
        t.strided_slice(a, [0, 0], [2, 2], [1, 2], new_axis_mask=1),
        t.sort(a, 1, "DESCENDING"),
        t.argsort(a, 0),
        t.argsort(a, direction="DESCENDING"),
        t.invert_permutation(c(t, np.array([2, 0, 1], "int32"))),
        t.unravel_index(c(t, np.array([22, 5], "int64")), c(t, np.array([4, 7], "int64"))),
        t.sequence_mask(c(t, np.array([1, 3, 2], "int32"))),
        t.sequence_mask(c(t, np.array([[1, 3], [0, 2]], "int32")), 4, t.float32),
        t.reverse_sequence(
            c(t, np.arange(24.0).reshape(3, 4, 2)),
            c(t, np.array([1, 3, 4], "int64")),
            seq_axis=1,
            batch_axis=0,
        ),
        t.reverse_sequence(
            c(t, np.arange(24.0).reshape(4, 3, 2)),
            c(t, np.array([1, 3, 4], "int64")),
            seq_dim=0,
            batch_dim=1,
        ),
        *t.setdiff1d(c(t, np.array([1, 2, 3, 4, 5, 6])), c(t, np.array([1, 3, 5]))),
        t.broadcast_dynamic_shape(c(t, np.array([2, 1, 3])), c(t, np.array([4, 1]))),
        t.parallel_stack([a, a]),
        *t.shape_n([a, c(t, V)]),
        *t.identity_n([a, c(t, V)]),
    ]


@case
def gathers(t):
    x = c(t, np.arange(24.0).reshape(2, 3, 4))
    return [
        t.gather(x, c(t, np.array([[0, 2], [1, 1]])), axis=1, batch_dims=1),
        t.gather(x, c(t, np.array([[0, 3], [1, 1]])), axis=2, batch_dims=1),
        t.gather(x, c(t, np.array([2, 0])), axis=1),
        t.batch_gather(x, c(t, np.array([[0, 2], [1, 1]], "int32"))),
        t.gather_nd(x, c(t, np.array([[[0, 1]], [[2, 3]]])), batch_dims=1),
        t.boolean_mask(x, c(t, np.array([True, False, True])), axis=1),
        t.dynamic_stitch(
            [
                c(t, np.array(6, "int32")),
                c(t, np.array([4, 1], "int32")),
                c(t, np.array([[5, 2], [0, 3]], "int32")),
            ],
            [
                c(t, np.array([61.0, 62.0])),
                c(t, np.array([[41.0, 42], [11, 12]])),
                c(t, np.array([[[51.0, 52], [21, 22]], [[1, 2], [31, 32]]])),
            ],
        ),
        t.scatter_nd(
            c(t, np.array([[4], [3], [1], [4]])),
            c(t, np.array([9.0, 10, 11, 12])),
            c(t, np.array([8])),
        ),
        t.tensor_scatter_update(c(t, V), [[1], [3]], c(t, np.array([1.0, 2.0]))),
        t.tensor_scatter_add(c(t, V), [[1], [3]], c(t, np.array([1.0, 2.0]))),
        t.tensor_scatter_sub(c(t, V), [[1], [3]], c(t, np.array([1.0, 2.0]))),
        t.sparse_to_dense([[0, 1], [1, 2]], [2, 3], [5.0, 6.0], -1.0),
        t.sparse_to_dense([1, 3], [4], 1),
        t.sparse_to_dense(2, [4], 7.0),
    ]


@case
def segments(t):
    x = c(t, X5)
    s = c(t, np.array([0, 0, 2, 2, 4]))
    u = c(t, np.array([2, 0, 2, -1, 0]))
    r = []
    for k in "sum mean prod max min".split():
        r.append(getattr(t, "segment_" + k)(x, s))
    for k in "sum mean prod sqrt_n".split():
        r.append(getattr(t, "unsorted_segment_" + k)(x, u, 4))
    for k in "max min".split():
        r.append(getattr(t, "unsorted_segment_" + k)(x, u, 4)[::2])
    r.append(t.unsorted_segment_sum(x, u, t.size(c(t, A))))
    r.append(t.unsorted_segment_sum(c(t, f(2, 2, 3)), c(t, np.array([[0, 1], [1, 1]])), 2))
    for k in "sum mean sqrt_n".split():
        r.append(
            getattr(t, "sparse_segment_" + k)(
                x, c(t, np.array([0, 1, 4])), c(t, np.array([0, 0, 2]))
            )
        )
    return r


@case
def linear(t):
    m, p = c(t, M), c(t, P)
    a = c(t, A)
    b = c(t, f(4, 2))
    low = t.cholesky(p)
    lu, perm = t.linalg.lu(m)
    r = [
        t.diag(c(t, V)),
        t.diag(a),
        t.diag_part(t.diag(a)),
        t.matrix_diag(a),
        t.matrix_diag_part(m),
        t.matrix_set_diag(m, c(t, f(2, 3))),
        t.matrix_transpose(m),
        t.linalg.adjoint(m),
        t.matrix_inverse(m),
        t.matrix_inverse(m, adjoint=True),
        t.matrix_solve(m, m),
        t.matrix_solve(m, m, adjoint=True),
        t.matrix_triangular_solve(low, m),
        t.cholesky_solve(low, m),
        t.self_adjoint_eigvals(p),
        t.svd(a, compute_uv=False),
        t.svd(a)[0],
        t.linalg.expm(m * 0.3),
        t.matrix_square_root(p),
        t.linalg.lu_reconstruct(lu, perm),
        t.linalg.lu_solve(lu, perm, m),
        t.linalg.lu_matrix_inverse(lu, perm),
        t.matrix_determinant(m),
        t.linalg.logdet(p),
        t.linalg.slogdet(m)[1],
        t.trace(m),
        t.eye(2, 3, dtype=t.float64),
    ]
    A43 = c(t, f(4, 3))
    r += [
        t.matrix_solve_ls(A43, b),
        t.matrix_solve_ls(A43, b, l2_regularizer=0.1),
        t.matrix_solve_ls(A43, b, fast=False),
        t.matrix_solve_ls(a, c(t, f(3, 2))),
    ]
    n = t.linalg.normalize(a, axis=1)
    r += list(n)
    return r


@case
def nnm(t):
    a = c(t, A)
    w = c(t, pos)
    st = t.nn.sufficient_statistics(a, [0])
    r = [
        *st[:3],
        *t.nn.normalize_moments(*st),
        *t.nn.weighted_moments(a, [0], w),
        *t.nn.weighted_moments(a, [1], w, keep_dims=True),
        *t.nn.moments(a, [0]),
    ]
    r += [
        t.nn.log_poisson_loss(w, a),
        t.nn.log_poisson_loss(w, a, compute_full_loss=True),
        t.nn.weighted_cross_entropy_with_logits(
            targets=c(t, (A > 0) * 1.0), logits=a, pos_weight=2.0
        ),
    ]
    r += list(t.nn.top_k(a, 2))
    r += [t.nn.zero_fraction(a)]
    r += list(
        t.nn.collapse_repeated(
            c(t, np.array([[1, 1, 2, 2, 1], [3, 3, 3, 1, 1]])), c(t, np.array([5, 4]))
        )
    )
    return r


@case
def casts(t):
    return [
        t.to_float(c(t, A)),
        t.to_int32(c(t, A)),
        t.to_int64(c(t, A)),
        t.to_double(c(t, np.array([1, 2]))),
        t.saturate_cast(c(t, np.array([-5, 300])), t.uint8),
        t.saturate_cast(c(t, np.array([-5.0, 300.7])), t.uint8),
    ]


@case
def decays(t):
    s0 = t.constant(3)
    d = t.train
    return [
        d.cosine_decay(0.1, s0, 10),
        d.cosine_decay_restarts(0.1, s0, 2),
        d.linear_cosine_decay(0.1, s0, 10),
        d.exponential_decay(0.1, s0, 2, 0.9, True),
        d.inverse_time_decay(0.1, s0, 2, 0.5),
        d.natural_exp_decay(0.1, s0, 2, 0.5),
        d.polynomial_decay(0.1, s0, 10, power=2.0, cycle=True),
        d.piecewise_constant(s0, [2, 4], [1.0, 0.5, 0.1]),
        d.noisy_linear_cosine_decay(0.1, t.constant(20), 10, initial_variance=1e-12),
    ]


@case
def grads(t):
    x = c(t, A)
    y = c(t, f(3, 4))
    p = c(t, pos)

    def g(y, xs):
        return t.gradients(y, xs)

    r = (
        g(t.squared_difference(x, y), [x, y])
        + g(t.div_no_nan(x, y), [x, y])
        + g(t.lgamma(p), [p])
        + g(t.digamma(p), [p])
        + g(t.igamma(c(t, np.float64(1.5)), p), [p])
        + g(t.math.erfinv(t.tanh(x)), [x])
        + g(t.math.bessel_i1e(x), [x])
        + g(t.math.bessel_i0(x), [x])
    )
    xs = c(t, X5)
    s = c(t, np.array([0, 0, 2, 2, 4]))
    u = c(t, np.array([2, 0, 2, -1, 0]))
    for k in "sum mean prod max".split():
        r += g(t.square(getattr(t, "segment_" + k)(xs, s)), [xs])
    for k in "sum mean sqrt_n".split():
        r += g(t.square(getattr(t, "unsorted_segment_" + k)(xs, u, 4)), [xs])
    m = c(t, M)
    pp = c(t, P)
    r += (
        g(t.linalg.expm(m * 0.2), [m])
        + g(t.matrix_square_root(pp), [pp])
        + g(t.matrix_inverse(m), [m])
        + g(t.cholesky_solve(t.cholesky(pp), m), [m])
    )
    r += g(
        t.reverse_sequence(c(t, X5) * xs, c(t, np.array([1, 3, 2, 2, 1], "int64")), seq_axis=1),
        [xs],
    )
    r += g(
        t.gather(t.reshape(x, [3, 2, 2]), c(t, np.array([[1], [0], [1]])), axis=1, batch_dims=1),
        [x],
    )
    r += t.gradients(x * y, [x], stop_gradients=[y]) + t.hessians(t.reduce_sum(x**3), [x])
    return r


@case
def refs(t):
    def v():
        return t.Variable(np.arange(6.0).reshape(3, 2))

    i = c(t, np.array([2, 0], "int32"))
    w = c(t, np.array([[1.0, 2], [3, 4]]))
    r = []
    for k in "update add sub mul div max min".split():
        r.append(getattr(t, "scatter_" + k)(v(), i, w))
    r.append(t.scatter_add(v(), i, 1.0))
    n = c(t, np.array([[0, 1], [2, 0]]))
    u = c(t, np.array([5.0, 6.0]))
    for k in "update add sub".split():
        r.append(getattr(t, "scatter_nd_" + k)(v(), n, u))
    r.append(
        t.batch_scatter_update(
            v(), c(t, np.array([[0], [1], [0]])), c(t, np.array([[7.0], [8], [9]]))
        )
    )
    r.append(t.count_up_to(t.Variable(3), 5))
    return r
