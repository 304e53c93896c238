"""The values of a step that was computed again: previews and whole tensors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nodeflow.document.to_graph.task import Task
from nodeflow.errors import Cancelled, NodeflowError, RunError
from nodeflow.graph.graph import Tensor
from nodeflow.host import protocol as p
from nodeflow.host.color_measures import measure
from nodeflow.host.evaluation.previews import make_preview, no_value
from nodeflow.host.past.what_if import WhatIf
from nodeflow.train.rewind.replay import Replay

POLL_SECONDS = 0.05
Notices = Callable[[int | None], tuple[str, ...]]
"""A function from the first step whose loss differs to notices for the user."""


def bring_to(
    replay: Replay,
    step: int,
    given_up: Callable[[], bool],
    report: Callable[[int, int, bool], None],
) -> None:
    """Replay a training up to a step, and wait until the kernels that read its values are compiled.

    Args:
        given_up: returns whether to stop because the step is no longer wanted.
        report: takes the number of done and of all steps, and whether kernels are being compiled.

    Raises:
        Cancelled: ``given_up`` returned True.
        RunError: there is no snapshot from before the step.
    """
    replay.cancelled = given_up
    replay.go_to(step, lambda done, total: report(done, total, False))
    while not replay.is_ready(replay.everything):
        if given_up():
            raise Cancelled("another step is shown")
        report(0, 0, True)
        time.sleep(POLL_SECONDS)


APPROXIMATE = "The values are approximate: a GPU need not compute the same bits again."


@dataclass(frozen=True)
class Replayed:
    """A step that has been computed again.

    Attributes:
        task: the trained document.
        run: the id of the kept run; empty for the training that runs or ran last.
        says: a function that returns notices about its values.
        override: the values that replace the values of tensors.
    """

    replay: Replay
    task: Task
    step: int
    run: str = ""
    says: Notices | None = None
    override: p.Override = field(default_factory=p.Override)

    @property
    def notices(self) -> tuple[str, ...]:
        """The notices that tell the user why the replayed step may differ from the original
        step.
        """
        differs = self.replay.differs_from
        approximate = () if self.replay.session.is_exact else (APPROXIMATE,)
        if self.says is not None:
            return (*self.says(differs), *approximate)
        if differs is None:
            return approximate
        return (f"The loss differs from the recorded one from step {differs} on.", *approximate)

    def previews(self, names: Iterable[str] | None, measured: str = "") -> dict[str, p.Preview]:
        """Return previews of the named tensors, as far as the replayed step computed them. ``None``
        as the names stands for all tensors.
        """
        named = named_tensors(self.task, names)
        known = set(self.replay.everything)
        wanted = {name: tensor for name, tensor in named.items() if tensor in known}
        values, what_if = self._values(set(wanted.values()))
        previews = {
            name: self._preview(tensor, values[tensor], measured, what_if)
            for name, tensor in wanted.items()
            if tensor in values
        }
        if what_if is not None:
            for node, error in what_if.failures.items():
                previews[node.name] = no_value(node, error)
        return previews

    def _values(self, wanted: set[Tensor]) -> tuple[Mapping[Tensor, np.ndarray], WhatIf | None]:
        """Return the values of the wanted tensors in the replayed step. If the user has overridden
        tensors, also return the object that recomputed everything that depends on them, else None.
        """
        if not self.override.values:
            return self.replay.values(self.replay.everything, wanted), None
        what_if = WhatIf(self.replay, self.task, self.override)
        return what_if.values(wanted), what_if

    def _how(self, tensor: Tensor, what_if: WhatIf | None) -> dict[str, Any]:
        """Return fields for the preview of a tensor in a replayed step: the tier that computed it,
        and whether the user's override affects it.
        """
        follows = what_if is not None and tensor.node in what_if.reached
        tier = "reference" if follows else self.replay.session.tier
        return {"tier": tier, "is_what_if": follows}

    def preview(self, name: str) -> p.Preview | None:
        """Return the preview of the tensor with this name in the replayed step. Return None if the
        step has no such tensor.
        """
        return self.previews((name,)).get(name)

    def _preview(
        self, tensor: Tensor, value: np.ndarray, measured: str, what_if: WhatIf | None
    ) -> p.Preview:
        preview = make_preview(
            value,
            self.task.image_shape(tensor, -1),
            self.step,
            column_shape=self.task.image_shape(tensor, 0),
            measured_as=measure(measured, tensor, value),
        )
        return replace(preview, **self._how(tensor, what_if))

    def tensor(self, name: str, request: int) -> p.TensorValue:
        """Return the whole value of a tensor.

        Raises:
            RunError: the step has no such tensor.
        """
        tensor = named_tensors(self.task, (name,)).get(name)
        if tensor is None or tensor not in set(self.replay.everything):
            raise RunError(
                "this node has no value in the steps of the training",
                node=name,
                hint="It was added later, or nothing in the training feeds it.",
            )
        values, what_if = self._values({tensor})
        if tensor not in values:
            failure = what_if.failures.get(tensor.node) if what_if is not None else None
            raise failure or RunError(
                "this node has no value with the current overrides",
                node=name,
                hint="It needs rows of the data set, but other rows replace them.",
            )
        return p.TensorValue(
            request,
            name,
            values[tensor],
            self.task.image_shape(tensor),
            self.step,
            column_shape=self.task.image_shape(tensor, 0),
            past=self.step,
            run=self.run,
            notices=self.notices,
            **self._how(tensor, what_if),
        )

    def variables(self) -> Mapping[str, np.ndarray]:
        """Return the values that variables have before the replayed step's updates, by name."""
        return dict(self.replay.session.variables.items())


def named_tensors(task: Task, names: Iterable[str] | None) -> dict[str, Tensor]:
    """Return the existing tensors with the given names, by name. If the names are None, return all
    tensors that the user sees.
    """
    built, found = task.build, dict[str, Tensor]()
    if names is None:
        for node in built.graph.nodes:
            if node.derived_from is None:
                found.update((t.name, t) for t in node.outputs)
        for name, ports in built.instances.items():
            for index, source in enumerate(ports.values()):
                tensor = built.tensors.get(source) if source is not None else None
                if tensor is not None:
                    found[f"{name}:{index}" if index else name] = tensor
        names = list(found)
    for name in names:
        try:
            tensor = found[name] if name in found else task.tensor(name)
            while tensor.node.alias:
                target = tensor.node.alias[tensor.index]
                if target is None:
                    break
                tensor = target
            found[name] = tensor
        except NodeflowError:
            found.pop(name, None)
    return found
