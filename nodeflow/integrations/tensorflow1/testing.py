"""`tf.test`: unit tests with the assertions of TensorFlow 1."""

from __future__ import annotations

import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from nodeflow.graph.graph import Tensor, get_default_graph, reset_default_graph
from nodeflow.integrations.tensorflow1.sessions import Session

__all__ = [
    "TestCase",
    "get_temp_dir",
    "gpu_device_name",
    "is_built_with_cuda",
    "is_gpu_available",
    "main",
]


class TestCase(unittest.TestCase):
    """A test that begins with an empty default graph, and compares arrays."""

    def setUp(self) -> None:
        """Empty the default graph before each test."""
        super().setUp()
        reset_default_graph()

    @contextmanager
    def session(self, graph: Any = None, config: Any = None, **_: Any) -> Iterator[Session]:
        """Open a session and make it, and its graph, the default."""
        graph = get_default_graph() if graph is None else graph
        with graph.as_default(), Session(graph=graph, config=config) as session:
            yield session

    cached_session = session

    def test_session(self, *args: Any, **kwargs: Any) -> Any:
        """Open a session, like `session`. This is not a test, although its name begins like one."""
        if self._testMethodName == "test_session":
            self.skipTest("not a test")
        return self.session(*args, **kwargs)

    test_session.__test__ = False  # type: ignore[attr-defined]  for pytest

    def evaluate(self, tensors: Any) -> Any:
        """Return the values of tensors in a new session of the default graph."""
        with Session() as session:
            session.initialize()
            return session.run(tensors)

    def get_temp_dir(self) -> str:
        """Return the path of a new temporary folder."""
        return get_temp_dir()

    def assertAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Fail unless two arrays have the same shape and elements; NaN equals NaN."""
        np.testing.assert_array_equal(_array(a), _array(b), err_msg=msg or "", strict=False)
        self.assertEqual(_array(a).shape, _array(b).shape, msg)

    def assertAllClose(
        self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None
    ) -> None:
        """Fail unless ``|a - b| <= atol + rtol * |b|`` in all elements, also inside dicts and
        lists.
        """
        if isinstance(a, dict):
            self.assertEqual(set(a), set(b), msg)
            for key in a:
                self.assertAllClose(a[key], b[key], rtol, atol, msg)
            return
        if isinstance(a, (list, tuple)) and any(np.ndim(part) for part in a):
            self.assertEqual(len(a), len(b), msg)
            for one, other in zip(a, b, strict=True):
                self.assertAllClose(one, other, rtol, atol, msg)
            return
        self.assertEqual(_array(a).shape, _array(b).shape, msg)
        np.testing.assert_allclose(_array(a), _array(b), rtol=rtol, atol=atol, err_msg=msg or "")

    def assertArrayNear(self, farray1: Any, farray2: Any, err: float) -> None:
        """Fail unless the elements of two lists differ by at most err."""
        self.assertEqual(len(farray1), len(farray2))
        for one, other in zip(farray1, farray2, strict=True):
            self.assertNear(float(one), float(other), err)

    def assertNear(self, f1: float, f2: float, err: float, msg: str | None = None) -> None:
        """Fail unless two numbers differ by at most err."""
        self.assertTrue(f1 == f2 or abs(f1 - f2) <= err, msg or f"{f1} and {f2}: more than {err}")

    def assertShapeEqual(self, np_array: np.ndarray, tf_tensor: Tensor) -> None:
        """Fail unless an array and a tensor have the same shape."""
        self.assertEqual(list(np_array.shape), tf_tensor.get_shape().as_list())


def _array(value: Any) -> np.ndarray:
    return np.asarray(value)


def main(argv: Any = None) -> None:
    """Run the tests of the program."""
    unittest.main(argv=argv)


def get_temp_dir() -> str:
    """Return the path of a new temporary folder."""
    return tempfile.mkdtemp()


def is_gpu_available(*_: Any, **__: Any) -> bool:
    """Return False, because kernels run on the processor."""
    return False


def is_built_with_cuda() -> bool:
    """Return False, because kernels run on the processor."""
    return False


def gpu_device_name() -> str:
    """Return an empty name, because kernels run on the processor."""
    return ""
