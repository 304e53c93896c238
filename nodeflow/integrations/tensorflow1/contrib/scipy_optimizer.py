"""`tf.contrib.opt.ScipyOptimizerInterface`: minimizes a loss by `scipy.optimize.minimize`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F
from nodeflow.ops import graph_building
from nodeflow.ops.variables.collections import trainable_variables

__all__ = ["ScipyOptimizerInterface"]


class ScipyOptimizerInterface:
    """Minimizes a loss over all variables at once, with a method of SciPy.

    Args:
        loss: a scalar.
        var_list: the variables; default: all trainable ones.
        equalities: tensors to make zero.
        inequalities: tensors to make zero or greater.
        var_to_bounds: variable -> lower and upper bound, numbers or arrays.
        optimizer_kwargs: arguments for `scipy.optimize.minimize`, such as ``method`` and
            ``options``.

    Raises:
        GraphError: the loss depends on none of the variables.
    """

    def __init__(
        self,
        loss: Tensor,
        var_list: Sequence[Tensor] | None = None,
        equalities: Sequence[Tensor] | None = None,
        inequalities: Sequence[Tensor] | None = None,
        var_to_bounds: Mapping[Tensor, tuple[Any, Any]] | None = None,
        **optimizer_kwargs: Any,
    ) -> None:
        self._variables = list(trainable_variables() if var_list is None else var_list)
        self._bounds = var_to_bounds
        self.optimizer_kwargs = optimizer_kwargs
        self._loss, self._slope = loss, self._flat_slope(loss)
        self._conditions = [
            (kind, tensor, self._flat_slope(tensor))
            for kind, tensors in (("eq", equalities), ("ineq", inequalities))
            for tensor in tensors or ()
        ]
        with loss.graph:
            self._fed = [graph_building.placeholder(v.dtype, v.shape) for v in self._variables]
            pairs = zip(self._variables, self._fed, strict=True)
            self._store = graph_building.group(*(v.assign(fed) for v, fed in pairs))

    def _flat_slope(self, tensor: Tensor) -> Tensor:
        """Return the gradient of a tensor's sum with respect to all variables, concatenated to
        one vector.
        """
        with tensor.graph:
            slopes = graph_building.gradients(tensor, self._variables)
            if all(slope is None for slope in slopes):
                raise GraphError(f"{tensor.name} depends on none of the variables")
            pairs = zip(slopes, self._variables, strict=True)
            whole = [F.zeros_like(v) if slope is None else slope for slope, v in pairs]
            return F.concat([F.reshape(one, shape=[-1]) for one in whole], axis=0)

    def minimize(
        self,
        session: Any = None,
        feed_dict: Mapping[Any, Any] | None = None,
        fetches: Sequence[Any] | None = None,
        step_callback: Callable[[np.ndarray], Any] | None = None,
        loss_callback: Callable[..., Any] | None = None,
        **run_kwargs: Any,
    ) -> None:
        """Minimize the loss, and store the best values in the variables of a session.

        Args:
            session: default: the default session.
            feed_dict: values to feed in each evaluation.
            fetches: further tensors to compute in each evaluation, for `loss_callback`.
            step_callback: called after each step with all variables as one vector.
            loss_callback: called with the values of the fetches in each evaluation.
        """
        from scipy.optimize import minimize

        from nodeflow.graph.session_hooks.default_session import get_default_session

        running = session or get_default_session()
        further = list(fetches or ())

        def run(tensors: Sequence[Any], x: np.ndarray) -> list[Any]:
            feeds = {**(feed_dict or {}), **dict(zip(self._variables, self._parts(x), strict=True))}
            return running.run(list(tensors), feeds, **run_kwargs)

        def evaluate(x: np.ndarray) -> tuple[float, np.ndarray]:
            loss, slope, *values = run([self._loss, self._slope, *further], x)
            if loss_callback is not None:
                loss_callback(*values)
            return float(loss), np.asarray(slope, np.float64)

        constraints = [
            {
                "type": kind,
                "fun": lambda x, tensor=tensor: np.sum(run([tensor], x)[0], dtype=np.float64),
                "jac": lambda x, slope=slope: np.asarray(run([slope], x)[0], np.float64),
            }
            for kind, tensor, slope in self._conditions
        ]
        given = {"method": "SLSQP" if constraints else "L-BFGS-B", **self.optimizer_kwargs}
        start = np.concatenate([np.ravel(v) for v in running.run(self._variables)])
        found = minimize(
            evaluate, start.astype(np.float64), jac=True, callback=step_callback,
            bounds=self._packed_bounds(), constraints=constraints, **given,
        )  # fmt: skip
        running.run(self._store, dict(zip(self._fed, self._parts(found.x), strict=True)))

    def _parts(self, x: np.ndarray) -> list[np.ndarray]:
        """Split one vector into the values of the variables."""
        sizes = np.cumsum([v.type.size or 1 for v in self._variables])[:-1]
        pairs = zip(np.split(x, sizes), self._variables, strict=True)
        return [part.reshape(_sizes(v)).astype(v.dtype) for part, v in pairs]

    def _packed_bounds(self) -> list[tuple[float, float]] | None:
        """Return the (low, high) bounds of all elements of all variables, flattened into one list.
        Return None if no bounds were given.
        """
        if self._bounds is None:
            return None
        packed: list[tuple[float, float]] = []
        for variable in self._variables:
            low, high = self._bounds.get(variable, (-np.inf, np.inf))
            sides = [np.broadcast_to(side, _sizes(variable)).ravel() for side in (low, high)]
            packed += list(zip(*(side.tolist() for side in sides), strict=True))
        return packed


def _sizes(variable: Tensor) -> tuple[int, ...]:
    """Return the shape of a variable, whose sizes are all known."""
    return tuple(int(size) for size in variable.shape if size is not None)
