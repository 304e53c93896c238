"""Weights on disk: exact, atomic, and never a pickle."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from nodeflow.errors import FileProblem, NonFiniteError
from nodeflow.train.weights import load_weights, save_weights

VARIABLES = {
    "layer/W": np.arange(6, dtype="float32").reshape(2, 3).T,
    "b": np.array(2.5, dtype="float64"),
    "n": np.array([], dtype="int64"),
    "flag": np.array([True, False]),
}


def test_what_is_saved_is_loaded_bit_for_bit(tmp_path):
    save_weights(tmp_path / "w.safetensors", VARIABLES)
    loaded = load_weights(tmp_path / "w.safetensors")
    assert loaded.keys() == VARIABLES.keys()
    for name, value in VARIABLES.items():
        assert (loaded[name].dtype, loaded[name].shape) == (value.dtype, value.shape)
        np.testing.assert_array_equal(loaded[name], value)


def test_the_file_is_what_the_safetensors_specification_says(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, {"x": np.array([1.0, 2.0], "float32")})
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    assert header["x"] == {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    assert np.frombuffer(data[8 + length :], "<f4").tolist() == [1.0, 2.0]


def test_saving_replaces_the_old_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, {"x": np.zeros(2)})
    save_weights(path, {"x": np.ones(2)})
    assert load_weights(path)["x"].tolist() == [1, 1]
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_folder_that_is_not_there_is_a_file_problem(tmp_path):
    with pytest.raises(FileProblem, match="cannot write"):
        save_weights(tmp_path / "gone" / "w.safetensors", {})


@pytest.mark.parametrize("content", [b"", b"\x80\x04N.", b"\xff" * 40])
def test_damaged_files_are_a_file_problem(tmp_path, content):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(FileProblem, match="damaged"):
        load_weights(path)


def test_a_missing_file_is_a_file_problem(tmp_path):
    with pytest.raises(FileProblem, match="cannot read"):
        load_weights(tmp_path / "w.safetensors")


def test_finite_weights_are_never_replaced_by_others(tmp_path):
    path = tmp_path / "w.safetensors"
    good = {"w": np.ones(3, "float32"), "mask": np.array([-np.inf])}
    save_weights(path, good)
    before = path.read_bytes()
    with pytest.raises(NonFiniteError, match="w is not finite any more") as raised:
        save_weights(path, {**good, "w": np.array([1, np.nan, 3], "float32")})
    assert raised.value.node == "w" and path.read_bytes() == before
    save_weights(tmp_path / "other.safetensors", {"w": np.array([np.inf])})
    save_weights(path, {**good, "w": np.full(3, 7, "float32")})
    assert load_weights(path)["w"].tolist() == [7, 7, 7]
