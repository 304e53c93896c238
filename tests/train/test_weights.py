"""Weights on disk: exact, atomic, and never a pickle."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from nodeflow.errors import FileProblem, NonFiniteError
from nodeflow.train.saving.weights import load_saved, load_weights, match, save_weights

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


@pytest.mark.parametrize("content", [b"", b"\x80N.", b"\xff" * 40])
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


def test_weights_are_matched_by_what_they_are_then_by_name_and_shape(tmp_path):
    path = tmp_path / "w.safetensors"
    values = {name: np.full(2, i, "float32") for i, name in enumerate("abcd")}
    ids = {"a": ("n1", "a"), "b": ("n2", "b"), "c": ("n3", "c"), "d": ("n9:n1:d", "a:d")}
    save_weights(path, values, ids, slots={"d"})
    saved = load_saved(path)
    assert saved.ids == ids and saved.slots == {"d"}
    here = {
        "b": np.zeros(2, "float32"),  # it was a, and another is called a now
        "a": np.zeros(2, "float32"),
        "c": np.zeros(3, "float32"),
        "new": np.zeros(1, "float32"),
    }
    known = {"b": ("n1", "a"), "a": ("n7", "a@n7"), "c": ("n3", "c"), "new": ("n8", "new")}
    found = match(saved, here, known)
    assert found.found == {"b": "a"}, "the saved a is taken, so the new a gets nothing"
    assert found.missing == ("a", "new") and found.unused == ("b",)
    assert list(found.other) == ["c"] and "float32 (3,) here" in found.other["c"]
    plain = match(saved, {name: np.zeros(2, "float32") for name in "abc"})
    assert plain.found == {"a": "a", "b": "b", "c": "c"} and plain.is_complete


def test_metadata_of_other_programs_is_passed_over(tmp_path):
    from safetensors.numpy import save

    for text in ("", "{", "[]", '{"ids": 3}', '{"ids": {"x": 1}, "slots": []}'):
        path = tmp_path / "w.safetensors"
        path.write_bytes(save({"x": np.ones(2)}, {"nodeflow": text, "format": "pt"}))
        saved = load_saved(path)
        assert not saved.ids and saved.arrays["x"].tolist() == [1, 1]
