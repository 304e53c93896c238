"""`initializers`: initializers of variables, with TensorFlow 1's names, arguments and formulas.

An initializer has two roles. Called with a shape, it returns a tensor. As a mapping, `{"op": ...,
attribute: ...}`, it is the attribute `initializer` of a variable or a layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem
from nodeflow.graph.graph import Tensor, get_default_graph
from nodeflow.graph.types import dtype_name
from nodeflow.public import publish

__all__ = [
    "Initializer",
    "constant",
    "constant_initializer",
    "glorot_normal",
    "glorot_normal_initializer",
    "glorot_uniform",
    "glorot_uniform_initializer",
    "he_normal",
    "he_uniform",
    "identity",
    "identity_initializer",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "ones_initializer",
    "orthogonal",
    "orthogonal_initializer",
    "random_normal",
    "random_normal_initializer",
    "random_uniform",
    "random_uniform_initializer",
    "truncated_normal",
    "truncated_normal_initializer",
    "uniform_unit_scaling",
    "uniform_unit_scaling_initializer",
    "variance_scaling",
    "variance_scaling_initializer",
    "zeros",
    "zeros_initializer",
]


class Initializer(Mapping[str, Any]):
    """The base class of initializers: an op without inputs, and its attributes.

    Args:
        op: id of the op that computes the values.
        dtype: dtype of a call without a dtype.
        attrs: attributes of the op; None: left out.
    """

    def __init__(self, op: str, dtype: Any = "float32", **attrs: Any) -> None:
        self._dtype = dtype_name(dtype)
        self._spec = {"op": op, **{k: v for k, v in attrs.items() if v is not None}}

    def __getitem__(self, key: str) -> Any:
        return self._spec[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._spec)

    def __len__(self) -> int:
        return len(self._spec)

    def __call__(
        self, shape: Sequence[int], dtype: Any = None, partition_info: None = None
    ) -> Tensor:
        """Add a node that computes initial values to the default graph, and return its output.

        Raises:
            NodeflowError: the initializer does not fit the shape or dtype.
        """
        op, attrs = self._spec["op"], {k: v for k, v in self._spec.items() if k != "op"}
        own = self._dtype if dtype is None else dtype_name(dtype)
        return get_default_graph().apply(op, shape=shape, dtype=own, **attrs)

    def get_config(self) -> dict[str, Any]:
        """Return the op and its attributes."""
        return dict(self._spec)

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self._spec.items() if k != "op")
        return f"<{type(self).__name__} {self._spec['op']}({given})>"


class zeros_initializer(Initializer):
    """Zeros; false for bool."""

    def __init__(self, dtype: Any = "float32") -> None:
        super().__init__("fill", dtype, value=0.0)

    def __call__(
        self, shape: Sequence[int], dtype: Any = None, partition_info: None = None
    ) -> Tensor:
        return _filled(0, shape, self._dtype if dtype is None else dtype)


class ones_initializer(Initializer):
    """Ones; true for bool."""

    def __init__(self, dtype: Any = "float32") -> None:
        super().__init__("fill", dtype, value=1.0)

    def __call__(
        self, shape: Sequence[int], dtype: Any = None, partition_info: None = None
    ) -> Tensor:
        return _filled(1, shape, self._dtype if dtype is None else dtype)


def _filled(value: int, shape: Sequence[int], dtype: Any) -> Tensor:
    name = dtype_name(dtype)
    number = bool(value) if name == "bool" else value
    return get_default_graph().apply("fill", shape=shape, value=number, dtype=name)


class constant_initializer(Initializer):
    """Given values, row by row; the last one repeats if the shape has more.

    Args:
        value: a number, nested lists of numbers, or an array.
        verify_shape: whether the value must have exactly the shape of the variable.
    """

    def __init__(self, value: Any = 0, dtype: Any = "float32", verify_shape: bool = False) -> None:
        array = np.asarray(value)
        self._shape = array.shape if verify_shape else None
        if array.shape:
            super().__init__("fill_in_order", dtype, value=array.tolist())
        else:
            super().__init__("fill", dtype, value=array.item())

    def __call__(
        self, shape: Sequence[int], dtype: Any = None, partition_info: None = None
    ) -> Tensor:
        if self._shape is not None and tuple(shape) != self._shape:
            raise AttributeProblem(
                f"the initial value has shape {self._shape}, not {tuple(shape)}", port="value"
            )
        return super().__call__(shape, dtype)


class random_normal_initializer(Initializer):
    """Normally distributed numbers."""

    def __init__(
        self, mean: float = 0.0, stddev: float = 1.0, seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:  # fmt: skip
        super().__init__("random_normal", dtype, mean=mean, stddev=stddev, seed=seed)


class truncated_normal_initializer(Initializer):
    """Normally distributed numbers within 2 deviations; stddev applies before truncation."""

    def __init__(
        self, mean: float = 0.0, stddev: float = 1.0, seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:  # fmt: skip
        super().__init__("truncated_normal", dtype, mean=mean, stddev=stddev, seed=seed)


class random_uniform_initializer(Initializer):
    """Uniformly distributed numbers from minval to maxval; None: 1."""

    def __init__(
        self, minval: float = 0, maxval: float | None = None, seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:  # fmt: skip
        high = 1.0 if maxval is None else maxval
        super().__init__("random_uniform", dtype, low=minval, high=high, seed=seed)


class uniform_unit_scaling_initializer(Initializer):
    """Uniform within factor * sqrt(3 / inputs), which keeps the scale of activations."""

    def __init__(
        self, factor: float = 1.0, seed: int | None = None, dtype: Any = "float32"
    ) -> None:
        super().__init__("uniform_unit_scaling", dtype, factor=factor, seed=seed)


class variance_scaling_initializer(Initializer):
    """Weights with variance scale / n.

    Args:
        mode: n is "fan_in", the inputs, "fan_out", the outputs, or "fan_avg", their mean.
        distribution: "normal" and "truncated_normal" draw within 2 deviations and divide the
            deviation by 0.8796 to correct for the truncation; "untruncated_normal", or "uniform".

    Raises:
        AttributeProblem: there is no such mode or distribution, or the scale is not positive.
    """

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal",
        seed: int | None = None, dtype: Any = "float32",
    ) -> None:  # fmt: skip
        if not isinstance(scale, (int, float, np.integer, np.floating)) or not scale > 0:
            raise AttributeProblem(f"scale must be positive, not {scale}", port="scale")
        known = {
            "normal": "truncated_normal",
            "truncated_normal": "truncated_normal",
            "untruncated_normal": "normal",
            "uniform": "uniform",
        }
        for port, value, choices in (
            ("mode", mode, ("fan_in", "fan_out", "fan_avg")),
            ("distribution", distribution, tuple(known)),
        ):
            if not isinstance(value, str) or value not in choices:
                raise AttributeProblem(
                    f"{port} must be one of {', '.join(choices)}, not {value!r}", port=port
                )
        super().__init__(
            "variance_scaling", dtype, scale=float(scale), mode=mode,
            distribution=known[distribution], seed=seed,
        )  # fmt: skip


class glorot_uniform_initializer(Initializer):
    """Uniform with variance 2 / (inputs + outputs). Glorot and Bengio, 2010."""

    def __init__(self, seed: int | None = None, dtype: Any = "float32") -> None:
        super().__init__("glorot_uniform", dtype, seed=seed)


class glorot_normal_initializer(Initializer):
    """Normal within 2 deviations with variance 2 / (inputs + outputs). Glorot and Bengio, 2010."""

    def __init__(self, seed: int | None = None, dtype: Any = "float32") -> None:
        super().__init__("glorot_normal", dtype, seed=seed)


class orthogonal_initializer(Initializer):
    """Orthogonal columns, or rows if there are fewer, of length gain."""

    def __init__(self, gain: float = 1.0, seed: int | None = None, dtype: Any = "float32") -> None:
        super().__init__("orthogonal", dtype, gain=gain, seed=seed)


class identity_initializer(Initializer):
    """Ones on the diagonal of a matrix, times gain."""

    def __init__(self, gain: float = 1.0, dtype: Any = "float32") -> None:
        super().__init__("identity_matrix", dtype, gain=gain)


def he_normal(seed: int | None = None) -> Initializer:
    """Return an initializer, truncated normal, variance 2 / inputs. He and others, 2015."""
    return variance_scaling_initializer(2.0, "fan_in", "truncated_normal", seed)


def he_uniform(seed: int | None = None) -> Initializer:
    """Return an initializer, uniform, variance 2 / inputs. He and others, 2015."""
    return variance_scaling_initializer(2.0, "fan_in", "uniform", seed)


def lecun_normal(seed: int | None = None) -> Initializer:
    """Return an initializer, truncated normal, variance 1 / inputs. LeCun and others, 1998."""
    return variance_scaling_initializer(1.0, "fan_in", "truncated_normal", seed)


def lecun_uniform(seed: int | None = None) -> Initializer:
    """Return an initializer, uniform, variance 1 / inputs. LeCun and others, 1998."""
    return variance_scaling_initializer(1.0, "fan_in", "uniform", seed)


constant = constant_initializer
glorot_normal = glorot_normal_initializer
glorot_uniform = glorot_uniform_initializer
identity = identity_initializer
ones = ones_initializer
orthogonal = orthogonal_initializer
random_normal = random_normal_initializer
random_uniform = random_uniform_initializer
truncated_normal = truncated_normal_initializer
uniform_unit_scaling = uniform_unit_scaling_initializer
variance_scaling = variance_scaling_initializer
zeros = zeros_initializer


publish(globals(), __all__)
