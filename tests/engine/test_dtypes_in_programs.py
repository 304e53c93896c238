"""Every dtype on its way through a program: constants, files, weights, feeds, both tiers."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.session import Session
from nodeflow.graph.types import DTYPES, INTEGERS, numpy_dtype
from nodeflow.train.weights import load_weights, save_weights

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
both_tiers = pytest.mark.parametrize("tier", ["reference", "compiled"])


def numbers(dtype: str) -> np.ndarray:
    """The limits of a dtype, and small numbers."""
    if dtype == "bool":
        return np.array([[True, False], [False, True]])
    if dtype in INTEGERS:
        info = np.iinfo(dtype)
        return np.array([[info.min, info.max], [1, 5]], dtype)
    return np.array([[-1.5, 0.1], [np.nan, np.inf]]).astype(numpy_dtype(dtype))


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
