"""A replay of the step in which a value left its bounds, to find the index of the value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nodeflow.errors import NodeflowError, OutOfBoundsError
from nodeflow.graph.graph import Node, Tensor
from nodeflow.ops.composed import resolve
from nodeflow.train.diagnosis.crossing import Crossing
from nodeflow.train.rewind.replay import Past, Replay
from nodeflow.train.rewind.snapshots import assigned_variables


def locate(
    past: Past, step: int, crossing: Crossing, tensor: Tensor
) -> tuple[Crossing, Mapping[Node, np.ndarray]] | None:
    """Replay the step that made a tensor leave its bounds, to find the index of the element. Return
    the completed description, and the variables from before the step.

    Return None if the step cannot be replayed.

    Args:
        crossing: the description of the violation, without the index.
    """
    replay = Replay(past)
    try:
        replay.go_to(step)
        variables = replay.session.variables
        changing = assigned_variables(past.training.optimizer)
        before = {node: variables.read(node).copy() for node in changing}
        return replace(crossing, at=_place(replay, crossing, tensor)), before
    except NodeflowError:
        return None
    finally:
        replay.close()


def _place(replay: Replay, crossing: Crossing, tensor: Tensor) -> tuple[int, ...] | None:
    schedule, wanted = replay.stepper.schedule, resolve(tensor)
    slot = next((i for i, known in enumerate(schedule.slots) if known is wanted), None)
    value = None if slot is None else replay.every_value()[slot]
    if value is None or not value.size:
        return None
    array = np.asarray(value, np.float64)
    if math.isnan(crossing.value):
        flat = int(np.argmax(np.isnan(array)))
    else:
        flat = int(np.nanargmax(array) if crossing.is_high else np.nanargmin(array))
    return tuple(int(i) for i in np.unravel_index(flat, array.shape))


def error_of_crossing(crossing: Crossing, step: int, epoch: int, kept: str) -> OutOfBoundsError:
    """Return the error for a value that left its bounds, which ends the training.

    Args:
        kept: which weights the variables have again, in words.
    """
    return OutOfBoundsError(
        f"{crossing.finding}, at step {step}, in epoch {epoch}; the weights are {kept}",
        node=crossing.node.partition(":")[0],
        hint="Look at what computes it, lower the learning rate, or set other bounds.",
        step=step,
        value=crossing.value,
        index=crossing.at,
        bounds=(crossing.low, crossing.high),
    )
