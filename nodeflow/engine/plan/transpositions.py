"""Transpositions that cancel, with formulas between them.

Kernels of images have the channels last. A network with channels first, such as a model from
another program, transposes each image before and after every convolution and pooling. Formulas
between two transpositions do not depend on the order of axes, so they can compute in the
kernels' order, and both transpositions disappear.

A *region* consists of transposed values and the formulas computed from them in one order of
axes. It is transposed back as a whole if that removes more transpositions than it adds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.graph.types import TensorType
from nodeflow.ops.lowering import Elementwise, Lowering, Permute

SMALL = 1 / 8
"""Maximum size of a broadcast operand that may be transposed separately, relative to the shape."""

Axes = tuple[int, ...]


@dataclass(eq=False)
class Region:
    """Values in the order of axes that the transposition ``axes`` produces.

    Attributes:
        values: their slots.
        saved: number of transpositions that would be removed.
        spent: number of transpositions that would be added.
    """

    axes: Axes
    values: dict[int, None] = field(default_factory=dict)
    saved: int = 0
    spent: int = 0

    @property
    def back(self) -> Axes:
        """The axes of the inverse transposition."""
        return tuple(sorted(range(len(self.axes)), key=self.axes.__getitem__))


def undo_transpositions(actions: Actions, apart: frozenset[int]) -> list[str]:
    """Compute elementwise ops between transpositions in the order of axes before the
    transpositions, where this saves transpositions. Return the names of the removed transpositions.

    Args:
        apart: output slots of actions that are not fused with others.
    """
    found = _regions(actions, apart)
    if not found:
        return []
    _weigh(actions, found)
    gaining = {slot: r for slot, r in found.items() if r.saved > r.spent}
    return _Turned(actions, gaining).rewrite() if gaining else []


def _regions(actions: Actions, apart: frozenset[int]) -> dict[int, Region]:
    """Return a dict from slot to region. A region is a set of slots that are connected by
    elementwise ops and come from the same transposition.
    """
    found: dict[int, Region] = {}
    if not any(isinstance(action.lowering, Permute) for action in actions.items):
        return found
    alone = _plain(actions)
    for action in actions.items:
        if len(action.outputs) != 1 or not action.inputs:
            continue
        (out,) = action.outputs
        if out not in alone or out in apart or out in actions.delayed or out in actions.repeated:
            continue
        if isinstance(action.lowering, Permute):
            if len(action.lowering.axes) > 2:  # a matrix is transposed by products themselves
                found[out] = Region(action.lowering.axes, {out: None})
        elif isinstance(action.lowering, Elementwise):
            region = _joined(actions, action, found)
            if region is not None:
                region.values[out] = None
                found[out] = region
    return found


def _plain(actions: Actions) -> set[int]:
    """Return the slots whose memory no other slot shares."""
    names: dict[int, int] = {}
    for storage in actions.storage:
        names[storage] = names.get(storage, 0) + 1
    taken = actions.views.keys() | actions.sliced
    return {s for s, n in names.items() if n == 1 and actions.storage[s] == s and s not in taken}


def _joined(actions: Actions, action: Action, found: dict[int, Region]) -> Region | None:
    """Merge the regions of an elementwise formula's inputs into one. A region is a set of values
    connected by elementwise ops that come from the same transposition.

    Return None if no input is in a region, or if the transpositions differ.
    """
    shape = actions.types[action.outputs[0]].shape
    whole = [s for s in action.inputs if actions.types[s].shape == shape]
    regions = {found[s]: None for s in whole if s in found}
    first = next(iter(regions), None)
    if first is None or any(region.axes != first.axes for region in regions):
        return None
    for slot in action.inputs:
        if slot not in whole and not _turns_easily(actions.types[slot], shape):
            return None
    for other in list(regions)[1:]:
        first.values.update(other.values)
        found.update(dict.fromkeys(other.values, first))
    return first


def _turns_easily(type_: TensorType, shape: Sequence[int | None]) -> bool:
    """Return whether an operand is so small, compared with the shape that it is broadcast to, that
    transposing it separately costs little.
    """
    size, whole = type_.size, math.prod(d or 0 for d in shape)
    return size is not None and size <= max(1, SMALL * whole)


def _weigh(actions: Actions, found: dict[int, Region]) -> None:
    """Count for each region of transposed values how many transpositions the rewrite would remove
    and add.
    """
    readers, ends = _readers(actions), _ends(actions)
    makers = {action.outputs[0]: action for action in actions.items if action.outputs}
    for region in dict.fromkeys(found.values()):
        entering: set[int] = set()
        for slot in region.values:
            leaves = actions.storage[slot] in ends
            for reader in readers.get(slot, ()):
                if _undoes(actions, reader, region):
                    region.saved += 1
                elif found.get(reader.outputs[0] if reader.outputs else -1) is not region:
                    leaves = True
            is_seed = isinstance(makers[slot].lowering, Permute)
            region.saved += is_seed and not leaves
            region.spent += leaves and not is_seed
            if not is_seed:
                shape = actions.types[slot].shape
                inputs = makers[slot].inputs
                entering.update(
                    s for s in inputs
                    if actions.types[s].shape == shape and found.get(s) is not region
                )  # fmt: skip
        region.spent += len(entering)


def _undoes(actions: Actions, action: Action, region: Region) -> bool:
    """Return whether an action is the inverse of the transposition that the values of a region come
    from. A region is a set of values that are connected by elementwise ops.
    """
    if not isinstance(action.lowering, Permute) or action.lowering.axes != region.back:
        return False
    (out,) = action.outputs
    return out not in actions.delayed and out not in actions.repeated


def _readers(actions: Actions) -> dict[int, list[Action]]:
    found: dict[int, list[Action]] = {}
    for action in actions.items:
        for slot in dict.fromkeys(actions.storage[s] for s in action.inputs):
            found.setdefault(slot, []).append(action)
    return found


def _ends(actions: Actions) -> set[int]:
    """Return the storages whose values outlive the run: those that are fetched or assigned to
    variables.
    """
    ends = {actions.storage[s] for s in actions.fetches if s is not None}
    return ends | {actions.storage[s] for s in actions.schedule.writes.values()}


class _Turned:
    """The actions after some regions were transposed back."""

    def __init__(self, actions: Actions, regions: dict[int, Region]) -> None:
        self.actions, self.regions = actions, regions
        self.turned: dict[int, int] = {}
        """For each slot of a region, the slot of the same value before the transposition."""
        self.others: dict[tuple[int, Axes], int] = {}
        """For each value that enters a region, and axes, the slot of the transposed value."""
        self.same: dict[int, int] = {}
        self.seeds: dict[int, Action] = {}
        """Transpositions that began a region, by their output."""
        self.items: list[Action] = []
        self.makers: dict[int, Action] = {}

    def _add(self, action: Action) -> None:
        self.items.append(action)
        self.makers.update(dict.fromkeys(action.outputs, action))

    def rewrite(self) -> list[str]:
        actions = self.actions
        ends = _ends(actions)
        for action in actions.items:
            region = self.regions.get(action.outputs[0]) if action.outputs else None
            if region is not None and isinstance(action.lowering, Permute):
                self.turned[action.outputs[0]] = action.inputs[0]
                self.seeds[action.outputs[0]] = action
            elif region is not None:
                self._formula(action, region)
            elif not self._undone(action):
                self._needed(action.inputs)
                self._add(action)
        self._needed([slot for slot in self.regions if actions.storage[slot] in ends])
        actions.items[:] = self.items
        actions.replace({s: self.same.get(t, t) for s, t in self.same.items()})
        return list(dict.fromkeys(action.node.name for action in self.seeds.values()))

    def _undone(self, action: Action) -> bool:
        """If an action is the inverse transposition of a region's values, make its result an alias
        of the untransposed value. Return whether it is.
        """
        slot = action.inputs[0] if action.inputs else -1
        region = self.regions.get(slot)
        if region is None or not _undoes(self.actions, action, region):
            return False
        storage = self.actions.storage
        turned = storage[self.turned[slot]]
        self.same[storage[action.outputs[0]]] = self.same.get(turned, turned)
        return True

    def _needed(self, slots: Sequence[int]) -> None:
        """Add the transpositions that are needed because an action outside of a region reads a
        value that is now computed in the order of axes before the transposition.
        """
        for slot in dict.fromkeys(self.actions.storage[s] for s in slots):
            region = self.regions.get(slot)
            if region is None or slot in self.makers:
                continue
            turned = self.turned[slot]
            lowering: Lowering = Permute(region.axes)
            turn = self.seeds.get(slot)
            self._add(turn or Action(self.makers[turned].node, lowering, (turned,), (slot,)))

    def _formula(self, action: Action, region: Region) -> None:
        (out,) = action.outputs
        type_ = self.actions.types[out]
        inputs = tuple(self._entering(action, slot, region, type_) for slot in action.inputs)
        back = self.actions.new_slot(type_.with_shape(_moved(type_.shape, region.back)))
        self.turned[out] = back
        self._add(Action(action.node, action.lowering, inputs, (back,)))

    def _entering(self, action: Action, slot: int, region: Region, whole: TensorType) -> int:
        """Return an input of an elementwise formula with its axes in the order from before a
        transposition, because the formula is computed in that order. Transpose the input back if
        needed.
        """
        if self.regions.get(slot) is region:
            return self.turned[slot]
        actions, type_ = self.actions, self.actions.types[slot]
        rank = len(whole.shape)
        wide = (1,) * (rank - len(type_.shape)) + tuple(type_.shape)
        if all(d == 1 for d in wide):
            return slot
        self._needed([slot])
        key = (slot, region.axes)
        if key not in self.others:
            shaped = slot
            if wide != type_.shape:
                shaped = actions.new_slot(type_.with_shape(wide))
                actions.share_storage(shaped, slot)
            moved = type_.with_shape(_moved(wide, region.back))
            self.others[key] = actions.new_slot(moved)
            if [d for d in wide if d != 1] == [d for d in moved.shape if d != 1]:
                actions.share_storage(self.others[key], slot)
            else:
                lowering: Lowering = Permute(region.back)
                self._add(Action(action.node, lowering, (shaped,), (self.others[key],)))
        return self.others[key]


def _moved(shape: Sequence[int | None], axes: Axes) -> tuple[int | None, ...]:
    return tuple(shape[axis] for axis in axes)
