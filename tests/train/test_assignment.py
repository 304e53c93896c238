"""Weights of other programs: which tensor each variable takes, and how."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeflow.errors import FileProblem
from nodeflow.train.saving.assignment import Kind, Taken, assigned, kinds, suggestions, ways
from nodeflow.train.saving.weights import Saved, load_weights


def of(**shapes: tuple[int, ...]) -> dict[str, Kind]:
    return {name.replace("__", "."): Kind("float32", shape) for name, shape in shapes.items()}


def test_names_and_layouts_of_pytorch():
    torch = of(
        conv__weight=(8, 3, 5, 5), conv__bias=(8,), fc__weight=(10, 32), fc__bias=(10,),
        square__weight=(4, 4), square__bias=(4,),
    )  # fmt: skip
    ours = of(
        conv__kernel=(5, 5, 3, 8), conv__b=(8,), fc__w=(32, 10), fc__biases=(10,),
        square__w=(4, 4), square__b=(4,),
    )  # fmt: skip
    assert suggestions(torch, ours, {}) == {
        "conv.kernel": Taken("conv.weight", (2, 3, 1, 0)),
        "conv.b": Taken("conv.bias"),
        "fc.w": Taken("fc.weight", (1, 0)),
        "fc.biases": Taken("fc.bias"),
        "square.w": Taken("square.weight", (1, 0)),  # as the others of the file
        "square.b": Taken("square.bias"),
    }


def test_keras_names_keep_their_layout():
    keras = {"dense/kernel:0": Kind("float32", (4, 4)), "dense/bias:0": Kind("float32", (4,))}
    ours = {"model/dense/w": Kind("float32", (4, 4)), "model/dense/b": Kind("float32", (4,))}
    assert suggestions(keras, ours, {}) == {
        "model/dense/w": Taken("dense/kernel:0"),
        "model/dense/b": Taken("dense/bias:0"),
    }


def test_by_shape_only_where_that_is_unambiguous():
    ours = of(a=(3, 4), b=(5,), c=(7,))
    assert suggestions(of(x=(3, 4), y=(5,), z=(5,)), ours, {}) == {"a": Taken("x")}
    assert suggestions(of(x=(5,), y=(9, 9)), ours, {}) == {"b": Taken("x")}


def test_kinds_of_numbers_are_not_mixed():
    whole, real = Kind("int64", (3,)), Kind("float64", (3,))
    assert list(ways(whole, real)) == [] and list(ways(real, Kind("float32", (3,)))) == [()]
    assert list(ways(Kind("bfloat16", (3,)), real)) == [()]


@pytest.mark.thorough
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), max_size=6),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), max_size=6),
)
def test_no_tensor_is_suggested_twice_and_all_fit(there: list, here: list):
    tensors = {f"t{n}": Kind("float32", shape) for n, shape in enumerate(there)}
    variables = {f"v{n}": Kind("float64", shape) for n, shape in enumerate(here)}
    found = suggestions(tensors, variables, {})
    assert len({one.tensor for one in found.values()}) == len(found)
    arrays = {
        n: np.arange(np.prod(k.shape), dtype="f4").reshape(k.shape) for n, k in tensors.items()
    }
    taken = assigned(Saved(arrays, {}), found, variables)
    for name, one in found.items():
        wanted = arrays[one.tensor].transpose(one.axes) if one.axes else arrays[one.tensor]
        np.testing.assert_array_equal(taken.arrays[name], wanted)
        assert taken.arrays[name].dtype == "float64"


def test_what_no_longer_fits_is_named():
    saved = Saved({"x": np.zeros(3)}, {})
    with pytest.raises(FileProblem, match=r"x is float64 \(3,\), v float32 \(2,\)"):
        assigned(saved, {"v": Taken("x")}, {"v": Kind("float32", (2,))})
    with pytest.raises(FileProblem, match="no 'y' for 'v' any more"):
        assigned(saved, {"v": Taken("y")}, {"v": Kind("float32", (3,))})


# ---- files --------------------------------------------------------------------------------------


def test_an_npz_file_is_read_whatever_it_is_called(tmp_path: Path):
    arrays = {"a/b": np.arange(6, dtype=">f4").reshape(2, 3), "n": np.int64(4), "h": np.float16(1)}
    np.savez(tmp_path / "w.npz", **arrays)
    (tmp_path / "w.npz").rename(tmp_path / "w.weights")
    found = load_weights(tmp_path / "w.weights")
    assert kinds(found) == {
        "a/b": Kind("float32", (2, 3)), "n": Kind("int64", ()), "h": Kind("float16", ()),
    }  # fmt: skip
    np.testing.assert_array_equal(found["a/b"], np.arange(6).reshape(2, 3))


def zipped(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return data.getvalue()


class Boom:
    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


@pytest.mark.parametrize(
    ("name", "content", "program"),
    [
        ("m.pt", zipped(**{"m__data.pkl": pickle.dumps(Boom()), "m__version": b"3"}), "PyTorch"),
        ("m.pth", pickle.dumps(Boom()), "PyTorch"),
        ("none.safetensors", b"\x80\x04N.", "PyTorch"),
        ("m.h5", b"\x89HDF\r\n\x1a\n" + bytes(100), "Keras"),
        ("m.keras", zipped(**{"config.json": b"{}", "model.weights.h5": b"x"}), "Keras"),
    ],
)
def test_files_that_can_run_code_are_refused_with_a_conversion(
    tmp_path: Path, name: str, content: bytes, program: str
):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileProblem, match=f"{name} is a file of {program}") as caught:
        load_weights(tmp_path / name)
    assert "save_file(" in str(caught.value.hint)


@pytest.mark.parametrize("length", [0x280, 0x580])
def test_a_header_whose_length_begins_as_a_pickle(tmp_path: Path, length: int):
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(length)
    content = struct.pack("<Q", length) + header + struct.pack("<f", 2.5)
    (tmp_path / "w.safetensors").write_bytes(content)
    assert load_weights(tmp_path / "w.safetensors")["w"].tolist() == [2.5]


def test_an_archive_of_other_things_is_no_file_of_weights(tmp_path: Path):
    (tmp_path / "a.npz").write_bytes(zipped(a__npy=b"no array"))
    with pytest.raises(FileProblem):
        load_weights(tmp_path / "a.npz")
    np.savez(tmp_path / "text.npz", words=np.array(["a"]))
    with pytest.raises(FileProblem, match="words has the dtype"):
        load_weights(tmp_path / "text.npz")
