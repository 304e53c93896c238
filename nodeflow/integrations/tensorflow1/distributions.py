"""`tf.distributions`: normal distributions with tensors as parameters."""

from __future__ import annotations

import math
from typing import Any

from nodeflow.errors import GraphError, a_type
from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F
from nodeflow.ops.distributions.random_functions import random_normal
from nodeflow.ops.namespaces.maths import pair
from nodeflow.public import public_methods, publish

__all__ = ["Normal", "kl_divergence"]

LOG_ROOT_2_PI = 0.5 * math.log(2.0 * math.pi)


@public_methods("cdf", "kl_divergence", "log_prob", "prob", "sample")
class Normal:
    """Independent normal distributions, one for each element of ``loc`` and ``scale``.

    Args:
        loc: means.
        scale: deviations, positive; ``loc`` and ``scale`` broadcast.
        validate_args, allow_nan_stats: accepted and ignored.
    """

    def __init__(
        self,
        loc: Any,
        scale: Any,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "Normal",
    ) -> None:
        self.loc, self.scale = pair(loc, scale)
        self.dtype, self.name = self.loc.dtype, name

    def mean(self, name: str = "mean") -> Tensor:
        """Return the means."""
        return F.add(self.loc, F.zeros_like(self.scale), name=name)

    mode = mean

    def stddev(self, name: str = "stddev") -> Tensor:
        """Return the deviations."""
        return F.add(F.zeros_like(self.loc), self.scale, name=name)

    def variance(self, name: str = "variance") -> Tensor:
        """Return the variances: the squared deviations."""
        return F.square(self.stddev(), name=name)

    def entropy(self, name: str = "entropy") -> Tensor:
        """Return 1/2 + log(sqrt(2 pi) scale)."""
        return F.add(F.log(self.stddev()), 0.5 + LOG_ROOT_2_PI, name=name)

    def log_prob(self, value: Any, name: str = "log_prob") -> Tensor:
        """Return -((value - loc) / scale)^2 / 2 - log(sqrt(2 pi) scale)."""
        z = self._standard(value)
        normalizer = F.add(F.log(self.scale), LOG_ROOT_2_PI)
        return F.subtract(F.multiply(F.square(z), -0.5), normalizer, name=name)

    def prob(self, value: Any, name: str = "prob") -> Tensor:
        """Return the probability density at some values."""
        return F.exp(self.log_prob(value), name=name)

    def cdf(self, value: Any, name: str = "cdf") -> Tensor:
        """Return the probability of drawing a number not above each value."""
        z = F.multiply(self._standard(value), -math.sqrt(0.5))
        return F.multiply(F.erfc(z), 0.5, name=name)

    def sample(self, sample_shape: Any = (), seed: int | None = None, name: str = "sample") -> Any:
        """Draw numbers, new ones in each run; gradients reach ``loc`` and ``scale``.

        Args:
            sample_shape: sizes in front of the shape of the distributions: a number, a list, or an
                integer tensor.
        """
        both = F.shape(F.add(self.loc, self.scale))
        first = self.loc.graph.as_tensor(sample_shape if sample_shape != () else [], "int32")
        shape = F.concat([F.reshape(first, shape=[-1]), both], axis=0)
        drawn = random_normal(shape, dtype=self.dtype, seed=seed)
        return F.add(F.multiply(drawn, self.scale), self.loc, name=name)

    def kl_divergence(self, other: Any, name: str = "kl_divergence") -> Tensor:
        """Return KL(self || other), the Kullback-Leibler divergence of two normal distributions.

        With means m1, m2 and deviations s1, s2 of self and other, it is
        log(s2/s1) + (s1^2 + (m1 - m2)^2) / (2 s2^2) - 1/2.

        Raises:
            GraphError: ``other`` is not a `Normal`.
        """
        if not isinstance(other, Normal):
            raise GraphError(f"other must be a Normal, not {a_type(other)}")
        ratio = F.square(F.divide(self.scale, other.scale))
        apart = F.square(F.divide(F.subtract(self.loc, other.loc), other.scale))
        squares = F.subtract(F.add(ratio, apart), F.log(ratio))
        return F.multiply(F.subtract(squares, 1.0), 0.5, name=name)

    def _standard(self, value: Any) -> Tensor:
        return F.divide(F.subtract(value, self.loc), self.scale)


def kl_divergence(
    distribution_a: Any, distribution_b: Any, allow_nan_stats: bool = True, name: Any = None
) -> Tensor:
    """Return the Kullback-Leibler divergence from one normal distribution to another."""
    if not isinstance(distribution_a, Normal):
        raise GraphError(f"distribution_a must be a Normal, not {a_type(distribution_a)}")
    return distribution_a.kl_divergence(distribution_b, name or "kl_divergence")


publish(globals(), __all__)
