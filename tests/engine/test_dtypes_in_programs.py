"""Every dtype on its way through a program: constants, files, weights, feeds, both tiers."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.session import Session
from nodeflow.errors import LiteralError
from nodeflow.graph.types import COMPLEX, DTYPES, HALVES, INTEGERS, numpy_dtype
from nodeflow.host.evaluation.previews import make_preview
from nodeflow.train.saving.weights import load_weights, save_weights

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
both_tiers = pytest.mark.parametrize("tier", ["reference", "compiled"])


def numbers(dtype: str) -> np.ndarray:
    """The limits of a dtype, and small numbers."""
    if dtype == "bool":
        return np.array([[True, False], [False, True]])
    if dtype in INTEGERS:
        info = np.iinfo(dtype)
        return np.array([[info.min, info.max], [1, 5]], dtype)
    floats = np.array([[-1.5, 0.1], [np.nan, np.inf]])
    if dtype in COMPLEX:
        floats = floats + 1j * np.array([[0.5, -0.0], [2.0, -7.5]])
    return floats.astype(numpy_dtype(dtype))


@both_tiers
@every_dtype
def test_values_survive_constants_variables_feeds_and_files(dtype, tier, tmp_path):
    array = numbers(dtype)
    with nf.Graph() as graph:
        constant = nf.constant(array, name="constant")
        variable = nf.variable(array, name="variable", trainable=False)
        fed = nf.identity(nf.placeholder(dtype, [None, 2], name="x"), name="fed")
    nf.save(graph, tmp_path / "a.flow")
    for each in (graph, nf.load(tmp_path / "a.flow")):
        with Session(each, tier=tier) as session:
            session.initialize()
            for found in session.run(["constant", "variable", "fed"], {"x": array}):
                assert found.dtype == array.dtype
                assert found.tobytes() == array.tobytes()
    assert constant.dtype == variable.dtype == fed.dtype == dtype


@every_dtype
def test_variables_survive_on_disk(dtype, tmp_path):
    arrays = {"a": numbers(dtype), "scalar": numbers(dtype)[0, 0]}
    save_weights(tmp_path / "w.safetensors", arrays)
    found = load_weights(tmp_path / "w.safetensors")
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


@both_tiers
@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_wrap_as_in_numpy(dtype, tier):
    x = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max, 100, 3], dtype)
    with nf.Graph() as graph:
        fed = nf.placeholder(dtype, [4])
        fetches = [fed + fed, fed * fed, -fed, nf.reduce_sum(fed), nf.cumsum(fed), fed - 1]
    with np.errstate(all="ignore"):
        expected = [x + x, x * x, -x, np.sum(x, dtype=dtype), np.cumsum(x, dtype=dtype), x - 1]
    with Session(graph, tier=tier) as session:
        for found, wanted in zip(session.run(fetches, {fed: x}), expected, strict=True):
            np.testing.assert_array_equal(found, wanted.astype(dtype))
            assert found.dtype == dtype


@both_tiers
def test_dtypes_meet_by_casts_in_one_graph(tier):
    random = np.random.default_rng(3)
    arrays = {d: random.integers(0, 100, (3, 4)).astype(d) for d in INTEGERS}
    with nf.Graph() as graph:
        fed = {d: nf.placeholder(d, [None, 4], name=d) for d in INTEGERS}
        total = nf.add_n([nf.cast(x * 2, "float32") for x in fed.values()])
        top = nf.cast(nf.reduce_max(total, axis=1), "uint16")
    wanted = sum((a * 2).astype("float32") for a in arrays.values())
    with Session(graph, tier=tier) as session:
        found = session.run([total, top], arrays)
    np.testing.assert_array_equal(found[0], wanted)
    np.testing.assert_array_equal(found[1], wanted.max(axis=1).astype("uint16"))


# ---- half floats ----------------------------------------------------------------------------


@both_tiers
@pytest.mark.parametrize("dtype", HALVES)
def test_half_floats_are_added_up_in_float32(dtype, tier):
    """In the dtype itself the sum would stay at 2048, of bfloat16 at 256."""
    with nf.Graph() as graph:
        x = nf.placeholder(dtype, [None])
        fetches = [nf.reduce_sum(x), nf.reduce_mean(x), nf.matmul(x, x)]
    ones = np.ones(8192, numpy_dtype(dtype))
    with Session(graph, tier=tier) as session:
        found = session.run(fetches, {x: ones})
    assert [f.dtype for f in found] == [numpy_dtype(dtype)] * 3
    assert [float(f) for f in found] == [8192.0, 1.0, 8192.0]


@both_tiers
@pytest.mark.parametrize("dtype", HALVES)
def test_each_op_on_half_floats_rounds_what_float32_gives(dtype, tier):
    random = np.random.default_rng(5)
    a, b = (random.normal(0, 2, (5, 7)).astype(numpy_dtype(dtype)) for _ in range(2))
    with nf.Graph() as graph:
        x, y = (nf.placeholder(dtype, [5, 7]) for _ in range(2))
        fetches = [x + y, x * y - y, nf.sqrt(nf.abs(x)), nf.maximum(x, y), nf.transpose(x), x > y]

    def rounded(values):
        return values.astype(numpy_dtype(dtype)).astype(np.float32)

    p, q = a.astype(np.float32), b.astype(np.float32)
    expected = [rounded(p + q), rounded(rounded(p * q) - q), rounded(np.sqrt(np.abs(p)))]
    expected += [np.maximum(p, q), p.T, p > q]
    with Session(graph, tier=tier) as session:
        for found, wanted in zip(session.run(fetches, {x: a, y: b}), expected, strict=True):
            np.testing.assert_array_equal(found.astype(wanted.dtype), wanted)


@both_tiers
@pytest.mark.parametrize("dtype", HALVES)
def test_a_model_of_half_floats_learns(dtype, tier):
    rng = np.random.default_rng(0)
    data = rng.normal(0, 1, (64, 3)).astype(numpy_dtype(dtype))
    with nf.Graph() as graph:
        x = nf.placeholder(dtype, [None, 3], name="x")
        w = nf.variable(np.zeros((3, 1), numpy_dtype(dtype)), name="w")
        wanted = nf.matmul(x, nf.constant(np.array([[1.0], [-2.0], [0.5]]), dtype))
        loss = nf.reduce_mean(nf.square(nf.matmul(x, w) - wanted))
        (slope,) = nf.gradients(loss, [w])
        step = nf.assign(w, w - slope * 0.125)
    assert slope.dtype == dtype
    with Session(graph, tier=tier) as session:
        session.initialize()
        losses = [float(session.run([loss, step], {x: data})[0]) for _ in range(40)]
    assert losses[-1] < 0.01 < 1 < losses[0]


@both_tiers
@pytest.mark.parametrize("dtype", HALVES)
def test_random_half_floats_stay_below_one(dtype, tier):
    with nf.Graph() as graph:
        drawn = nf.random_uniform([20000], dtype=dtype, seed=3)
        normal = nf.random_normal([20000], dtype=dtype, seed=3)
    with Session(graph, tier=tier) as session:
        uniform, normal = (f.astype(np.float64) for f in session.run([drawn, normal]))
    assert uniform.min() >= 0 and uniform.max() < 1 and abs(uniform.mean() - 0.5) < 0.01
    assert abs(normal.mean()) < 0.03 and abs(normal.std() - 1) < 0.03


def test_floats_that_a_half_float_cannot_hold_are_refused():
    with nf.Graph(), pytest.raises(LiteralError, match="70000 is too large for float16"):
        nf.constant(70000.0, "float16")


@pytest.mark.parametrize("dtype", HALVES)
def test_casts_saturate_and_round_as_those_of_float32(dtype):
    with np.errstate(over="ignore"):  # float16 has no 1e5
        values = np.array([1e5, -1e5, 2.7, -2.7, np.nan, 300.0]).astype(numpy_dtype(dtype))
    with nf.Graph() as graph:
        x = nf.placeholder(dtype, [None])
        fetches = [nf.cast(x, "int8"), nf.cast(x, "uint8"), nf.cast(x, "int64"), nf.cast(x, "bool")]
    with Session(graph) as session:
        found = session.run(fetches, {x: values})
    wide = values.astype(np.float64)
    assert found[0].tolist() == [127, -128, 2, -2, 0, 127]
    assert found[1].tolist() == [255, 0, 2, 0, 0, 255]
    most = np.iinfo("int64").max
    whole = [int(w) if np.isfinite(w) else most if w > 0 else -most - 1 for w in wide[:4]]
    assert found[2].tolist()[:4] == whole
    assert found[3].tolist() == [True] * 6


@every_dtype
@pytest.mark.parametrize("shape", [(), (3, 4), (9, 9), (2, 12, 12), (40,)])
def test_every_dtype_has_a_preview(dtype, shape):
    array = np.resize(numbers(dtype), shape).astype(numpy_dtype(dtype))
    preview = make_preview(array)
    assert preview.dtype == dtype
    pickle.dumps(preview)
    whole = [a for a in (preview.array,) if a is not None and preview.kind in ("scalar", "table")]
    assert all(a.dtype == array.dtype for a in whole)


def test_previews_of_complex_numbers_show_them_and_measure_magnitudes():
    assert make_preview(np.complex64(1.5 - 2j)).text == "1.5 − 2j"
    preview = make_preview(np.array([[3 + 4j, 1j]]))
    assert (preview.minimum, preview.maximum) == (1.0, 5.0)
