"""Files that are written array by array are those that the library of safetensors writes."""

from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import load, save

from nodeflow.errors import FileProblem
from nodeflow.graph.types import numpy_dtype
from nodeflow.train.saving.tensor_writer import CODES, write_tensors
from nodeflow.train.saving.weights import load_weights, save_weights

RNG = np.random.default_rng(2)


def written(arrays, metadata=None) -> bytes:
    file = io.BytesIO()
    write_tensors(file, arrays, metadata)
    return file.getvalue()


@pytest.mark.parametrize("seed", range(20))
def test_the_bytes_are_those_of_the_library(seed):
    random = np.random.default_rng(seed)
    arrays = {}
    for number in range(int(random.integers(0, 9))):
        dtype = random.choice([name for name in CODES if name != "bfloat16"])
        shape = tuple(random.integers(0, 4, random.integers(0, 4)))
        arrays[random.choice(["a/", "ü", "Z", '"']) + str(number)] = random.integers(
            0, 2, shape
        ).astype(dtype)
    metadata = None if seed % 2 else {"nodeflow": '{"version": 1}'}
    assert written(arrays, metadata) == save(arrays, metadata)


def test_every_dtype_comes_back(tmp_path):
    arrays = {name: RNG.integers(0, 2, (3, 2)).astype(numpy_dtype(name)) for name in CODES}
    arrays["complex64"] = np.array([1 + 2j], np.complex64)
    arrays["by columns"] = np.asfortranarray(RNG.normal(size=(3, 4)))
    arrays["nothing"] = np.zeros((0, 3), np.float32)
    save_weights(tmp_path / "w.safetensors", arrays)
    found = load_weights(tmp_path / "w.safetensors")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_big_endian_arrays_are_turned():
    array = np.array([1.5, -2.0], ">f4")
    np.testing.assert_array_equal(load(written({"x": array}))["x"], array)


def test_a_dtype_that_the_format_has_not_is_named():
    with pytest.raises(FileProblem, match="x is"):
        written({"x": np.array([1j], np.complex64)})


def test_saving_takes_no_copy_of_all(tmp_path):
    arrays = {f"copy {n}": np.zeros(1_000_000, np.float32) for n in range(8)}
    tracemalloc.start()
    try:
        save_weights(tmp_path / "w.safetensors", arrays)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
