"""The reader of models raises typed errors, whatever the bytes are, and stays within its memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nodeflow.integrations.onnx.reading import read
from tests.data.test_spoilt_files import STARTS, check_spoilt, small_limit  # noqa: F401

from .models import branches, with_functions

MODELS: dict[str, Callable] = {"onnx": with_functions, "onnx of branches": branches}


@pytest.mark.sample(2)
@pytest.mark.parametrize("first", STARTS)
@pytest.mark.parametrize("kind", MODELS)
def test_spoilt_bytes_raise_typed_errors(tmp_path: Path, kind: str, first: int):
    original = MODELS[kind]().SerializeToString()
    check_spoilt(tmp_path / "x.onnx", original, [read], first, kind)
