"""Dtype objects: names that know what TensorFlow 1 asks of a dtype."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import DtypeError
from nodeflow.graph.types import FLOATS


@pytest.mark.parametrize("name", nf.DTYPES)
def test_each_dtype_is_an_object_that_is_usable_as_its_name(name: str) -> None:
    dtype = getattr(nf, name)
    assert isinstance(dtype, nf.DType) and dtype == name == dtype.name
    assert dtype is nf.as_dtype(name) is nf.as_dtype(dtype.as_numpy_dtype) is dtype.base_dtype
    assert np.zeros(2, dtype.as_numpy_dtype).dtype == name
    assert dtype.size == np.dtype(dtype).itemsize
    assert dtype.is_compatible_with(np.dtype(name))
    assert pickle.loads(pickle.dumps(dtype)) == dtype
    with nf.Graph():
        x = nf.placeholder(dtype, [2])
        assert x.dtype is dtype
        assert nf.cast(nf.constant([0, 1]), dtype).dtype is dtype
        assert type(x.type.dtype) is type(x.op.attrs["dtype"]) is str


def test_kinds_and_limits() -> None:
    assert [d for d in nf.DTYPES if getattr(nf, d).is_floating] == list(FLOATS)
    assert nf.uint8.is_integer and nf.uint8.is_unsigned and not nf.int32.is_unsigned
    assert nf.bool.is_bool and not nf.bool.is_integer and not nf.float32.is_complex
    assert (nf.int32.min, nf.int32.max) == (-(2**31), 2**31 - 1)
    assert nf.float32.max == np.finfo("float32").max and nf.float64.real_dtype is nf.float64
    assert (nf.bool.min, nf.bool.max) == (False, True)


@pytest.mark.parametrize("bad", ["text", object(), [1], 2.5, {"a": 1}, "float33", b"x"])
def test_what_is_no_dtype_is_refused(bad: object) -> None:
    with pytest.raises(DtypeError, match="is not supported"):
        nf.as_dtype(bad)
