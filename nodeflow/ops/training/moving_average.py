"""Moving averages of variables, to be used in their place: Polyak and Juditsky, 1992."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Node, Tensor, get_default_graph
from nodeflow.ops import functions as F
from nodeflow.ops import graph_building

COLLECTION = "moving_average_variables"


class ExponentialMovingAverage:
    """Moving averages of variables and tensors: average = decay * average + (1 - decay) * value.

    Args:
        decay: share of the average that is kept, a number or scalar tensor.
        num_updates: number of updates so far, such as the global step. The decay is then at most (1
            + num_updates) / (10 + num_updates), so that averages move faster in the beginning.
        zero_debias: start averages of variables at 0 and correct for the bias, instead of starting
            at the variable. Averages of other tensors always do so.
        name: last part of the names of the averages: ``VARIABLE/ExponentialMovingAverage``.
    """

    def __init__(
        self,
        decay: Any,
        num_updates: Any = None,
        zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ) -> None:
        self._decay = decay
        self._num_updates = num_updates
        self._zero_debias = zero_debias
        self._name = name
        self._averages: dict[Tensor, Tensor] = {}

    @property
    def name(self) -> str:
        return self._name

    def apply(self, var_list: Iterable[Tensor] | None = None) -> Node:
        """Return a node that moves the averages in a run. Create averages that do not exist.

        Under ``control_dependencies([train])`` the averages use the values after the step.

        Args:
            var_list: variables and float tensors; None: all trainable variables.

        Raises:
            GraphError: one of them already has an average, or is no float tensor.
        """
        trainable = get_default_graph().trainable_variables
        given = trainable if var_list is None else list(var_list)
        for tensor in given:
            self._make(tensor)
        graph = F.graph_of(given)
        with graph, graph.name_scope(self._name):
            share = 1 - self._decay_now()
            moved = [self._move(tensor, share) for tensor in given]
            return graph_building.group(*(t.node for t in moved))

    def average(self, var: Tensor) -> Tensor | None:
        """Return the variable with the average of a variable or tensor; None before `apply`."""
        return self._averages.get(var)

    def average_name(self, var: Tensor) -> str:
        """Return the name of the variable that holds the moving average of a variable or tensor."""
        average = self._averages.get(var)
        return f"{var.node.name}/{self._name}" if average is None else average.node.name

    def variables_to_restore(
        self, moving_avg_variables: Sequence[Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Return name in a checkpoint -> variable, for a `Saver` that loads averages into them.

        Args:
            moving_avg_variables: variables whose averages to load; None: all trainable variables
                and all that have an average. Every other variable keeps its own name.
        """
        chosen, graph = moving_avg_variables, get_default_graph()
        if chosen is None:
            kept = [v for v in self._averages if v.node.op.id == "variable"]
            chosen = list(dict.fromkeys([*graph.trainable_variables, *kept]))
        names = {self.average_name(v): v for v in chosen}
        own = (v for v in graph.variables if v not in chosen and v.name not in names)
        return {**names, **{v.name: v for v in own}}

    def _decay_now(self) -> Any:
        if self._num_updates is None:
            return self._decay
        graph = F.graph_of([self._num_updates, self._decay])
        updates = F.cast(graph.as_tensor(self._num_updates), dtype="float32", name="num_updates")
        return F.minimum((1 + updates) / (10 + updates), self._decay)

    def _make(self, tensor: Any) -> None:
        """Create the variable that holds the moving average of a tensor, outside the user's name
        scopes.

        Raises:
            GraphError: the argument is not a float tensor, or already has an average.
        """
        if not isinstance(tensor, Tensor) or not tensor.type.is_float:
            shown = tensor.name if isinstance(tensor, Tensor) else type(tensor).__name__
            raise GraphError(f"{shown} is not a float tensor, so it has no moving average")
        if tensor in self._averages:
            raise GraphError(
                f"{tensor.name} already has a moving average",
                node=tensor.node.name,
                hint="Call apply once, with all variables.",
            )
        zero = {"value": 0.0, "shape": tensor.shape} if self._begins_at_zero(tensor) else {}
        average = self._variable(tensor, **zero)
        tensor.graph.add_to_collection(COLLECTION, tensor)
        self._averages[tensor] = average

    def _begins_at_zero(self, tensor: Tensor) -> bool:
        return self._zero_debias or tensor.node.op.id != "variable"

    def _variable(self, tensor: Tensor, last: str = "", **begin: Any) -> Tensor:
        """Create an untrained variable of a tensor's dtype, named after the tensor. Its initial
        value is the tensor's value, or as the attributes ``begin`` say.
        """
        graph, first = tensor.graph, () if begin else (tensor,)
        name = f"{tensor.name.replace(':', '_')}/{self._name}{last}"
        with graph.control_dependencies(None), graph.name_scope(None):
            return graph.apply(
                "variable", *first, dtype=tensor.dtype, trainable=False, name=name, **begin
            )

    def _move(self, tensor: Tensor, share: Any) -> Tensor:
        """Return the assign that moves one average by a share of the way to the tensor's value."""
        average = self._averages[tensor]
        if isinstance(share, Tensor) and share.dtype != tensor.dtype:
            share = F.cast(share, dtype=tensor.dtype)
        if not self._begins_at_zero(tensor):
            return F.assign(average, average - share * (average - tensor), name="move")
        biased = self._variable(tensor, "/biased", value=0.0, shape=tensor.shape)
        steps = self._variable(tensor, "/local_step", value=0.0, shape=())
        new = F.assign(biased, biased - share * (biased - tensor), name="move_biased")
        count = F.assign(steps, steps + 1, name="count")
        return F.assign(average, new / (1 - F.power(1 - share, count)), name="move")
