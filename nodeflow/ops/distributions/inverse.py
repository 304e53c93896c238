"""Distributions by the inverse of their cumulative function: one uniform number per element.

An element thus depends on its own counter only, not on rejected draws of other elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem
from nodeflow.graph.declaration import Attr
from nodeflow.graph.op import Sample
from nodeflow.graph.types import TensorType
from nodeflow.ops.base import register
from nodeflow.ops.distributions.normal_uniform import DTYPE, SEED, SHAPE, Random
from nodeflow.ops.math.special import poisson_quantile


def above_zero(name: str, value: float) -> None:
    """Raise AttributeProblem unless a parameter is a finite number above 0."""
    if not 0 < value < np.inf:
        raise AttributeProblem(f"{name} must be above 0, not {value:g}", port=name)


class Inverse(Random):
    """The base class of ops that apply ``quantile`` to uniform numbers strictly between 0 and 1."""

    everyday = False
    positive: tuple[str, ...] = ()
    """Names of parameters that must be above 0."""

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        for name in self.positive:
            above_zero(name, attrs[name])
        return super().infer_known(*types, **attrs)

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        even = attrs["stream"].uniform(attrs["shape"], "float64")
        even = np.maximum(even, 2.0**-54)  # uniform may draw 0
        with np.errstate(all="ignore"):
            return np.asarray(self.quantile(even, attrs)).astype(attrs["dtype"])

    def quantile(self, even: np.ndarray, attrs: dict[str, Any]) -> np.ndarray:
        """Return the quantile of the distribution for each probability in ``even``."""
        raise NotImplementedError(self.id)


@register
class RandomGumbel(Inverse):
    """Gumbel distributed numbers."""

    id = "random_gumbel"
    keywords = ("extreme value", "noise", "gumbel softmax", "sampling")
    doc = (
        "Random numbers of the standard Gumbel distribution: -log(-log(u)).\n\nThe argmax of "
        "logits plus such noise is a draw from their softmax."
    )
    attrs = (SHAPE, DTYPE, SEED)

    def quantile(self, even: np.ndarray, attrs: dict[str, Any]) -> np.ndarray:
        return -np.log(-np.log(even))


@register
class RandomGamma(Inverse):
    """Gamma distributed numbers."""

    id = "random_gamma"
    keywords = ("gamma distribution", "chi squared", "waiting time", "exponential")
    doc = (
        "Random numbers of the gamma distribution with shape alpha and rate beta.\n\nThe mean is "
        "alpha / beta. An alpha of 1 gives the exponential distribution."
    )
    attrs = (
        SHAPE,
        Attr("alpha", "float", 1.0, "Shape of the distribution."),
        Attr("beta", "float", 1.0, "Rate: one over the scale."),
        DTYPE,
        SEED,
    )
    positive = ("alpha", "beta")

    def quantile(self, even: np.ndarray, attrs: dict[str, Any]) -> np.ndarray:
        from scipy.special import gammaincinv

        return gammaincinv(attrs["alpha"], even) / attrs["beta"]


@register
class RandomBeta(Inverse):
    """Beta distributed numbers."""

    id = "random_beta"
    keywords = ("beta distribution", "share", "probability", "mixup")
    doc = (
        "Random numbers of the beta distribution, between 0 and 1.\n\nThe mean is a / (a + b). "
        "With a = b = 1 they are uniform."
    )
    attrs = (
        SHAPE,
        Attr("a", "float", 1.0, "First parameter: weight of 1."),
        Attr("b", "float", 1.0, "Second parameter: weight of 0."),
        DTYPE,
        SEED,
    )
    positive = ("a", "b")

    def quantile(self, even: np.ndarray, attrs: dict[str, Any]) -> np.ndarray:
        from scipy.special import betaincinv

        return betaincinv(attrs["a"], attrs["b"], even)


@register
class RandomPoisson(Inverse):
    """Poisson distributed numbers."""

    id = "random_poisson"
    keywords = ("poisson distribution", "counts", "events", "shot noise")
    doc = (
        "Random whole numbers, as floats, of the Poisson distribution with mean lam.\n\nEach is a "
        "count of events that happen lam times on average."
    )
    attrs = (
        SHAPE,
        Attr("lam", "float", 1.0, "Mean."),
        DTYPE,
        SEED,
    )
    positive = ("lam",)

    def quantile(self, even: np.ndarray, attrs: dict[str, Any]) -> np.ndarray:
        return poisson_quantile(np.asarray(attrs["lam"]), even)

    def samples(self) -> Iterator[Sample]:
        yield from super().samples()
        yield Sample((), {"lam": 20.0})
