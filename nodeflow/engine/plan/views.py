"""Parts of arrays without copies (the rewrites ``views`` and ``pieces``).

If only formulas read a slice, they read it in place from its source. If one kernel makes all
pieces of a concatenation, it writes each piece to its place in the whole array. So the gates of
a recurrent step, which lie side by side in one product, need no copies. Both rewrites are
exact, because they only move the same numbers less often.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from nodeflow.engine.ir.actions import Action, Actions, View
from nodeflow.engine.ir.groups import Group
from nodeflow.ops.lowering import Block, Copy, Elementwise, strides_of


def read_slices(actions: Actions) -> None:
    """Remove copies of array slices if only elementwise formulas read them. The formulas then read
    the source array with strides.
    """
    if not any(isinstance(action.lowering, Copy) for action in actions.items):
        return
    readers: dict[int, list[tuple[Action, int]]] = defaultdict(list)
    for action in actions.items:
        for slot in action.inputs:
            readers[actions.storage[slot]].append((action, slot))
    ends = (*actions.fetches, *actions.schedule.writes.values())
    kept = {actions.storage[s] for s in ends if s is not None}
    items = []
    dropped: dict[int, int] = {}
    for action in actions.items:
        block = _slice_of(action)
        slot = action.outputs[0]
        if (
            block is None
            or actions.storage[slot] != slot
            or actions.storage[action.inputs[0]] in actions.sliced
            or not all(_is_formula(actions, *reader, slot) for reader in readers[slot])
        ):
            items.append(action)
            continue
        if slot in kept:
            items.append(_read_by_formula(actions, action, block) if readers[slot] else action)
            continue
        source = actions.storage[action.inputs[0]]
        for _, reader in readers[slot]:
            actions.views[reader] = View(block.source_offset, block.source_strides)
            actions.storage[reader] = source
        actions.storage[slot] = source
        actions.sliced.add(slot)
        dropped[slot] = source
        actions.note("views", action.node.name)
    actions.items[:] = items
    for slot, storage in enumerate(actions.storage):  # unread equals of a slice
        if storage in dropped:
            actions.storage[slot] = dropped[storage]
            actions.sliced.add(slot)


def _slice_of(action: Action) -> Block | None:
    """If an action copies a slice of its input into a whole new array, return the copied block.
    Return None for any other action, or if rows of the slice are not contiguous.
    """
    copy = action.lowering
    if not isinstance(copy, Copy) or copy.fill is not None or len(copy.blocks) != 1:
        return None
    block = copy.blocks[0]
    whole = block.target_offset == 0 and block.target_strides == strides_of(block.sizes)
    return (
        block
        if whole and 0 not in block.sizes and _stretch(block.sizes, block.source_strides)
        else None
    )


def _read_by_formula(actions: Actions, action: Action, block: Block) -> Action:
    """Replace the copy of an array slice by an elementwise formula that reads the slice as a view,
    so that it can be fused with other elementwise ops.
    """
    source, (slot,) = action.inputs[0], action.outputs
    part = actions.new_slot(actions.types[slot])
    actions.share_storage(part, source)
    actions.views[part] = View(block.source_offset, block.source_strides)
    return Action(action.node, Elementwise("x", ("x",)), (part,), (slot,))


def _stretch(sizes: Sequence[int], strides: Sequence[int]) -> bool:
    return bool(sizes) and sizes[-1] > 1 and strides[-1] == 1


def _is_formula(actions: Actions, reader: Action, slot: int, source: int) -> bool:
    same = actions.types[slot].shape == actions.types[source].shape
    return isinstance(reader.lowering, Elementwise) and same


def write_pieces(actions: Actions, groups: list[Group]) -> list[Group]:
    """Make fused kernels write their results directly into concatenated arrays.

    Return the groups without the concatenations that are thereby superfluous.
    """
    made_by = {storage: g for g in groups for storage in g.outputs}
    kept = []
    for group in groups:
        maker = _maker(actions, group, made_by)
        if maker is None:
            kept.append(group)
            continue
        action = group.actions[0]
        whole = actions.storage[action.outputs[0]]
        for slot, block in zip(action.inputs, action.lowering.blocks, strict=True):  # type: ignore[union-attr]
            view = View(block.target_offset, block.target_strides)
            maker.pieces.setdefault(actions.storage[slot], []).append((whole, view))
        maker.outputs.add(whole)
        made_by[whole] = maker
        actions.note("pieces", action.node.name)
    return kept


def _maker(actions: Actions, group: Group, made_by: dict[int, Group]) -> Group | None:
    """Return the cluster that makes all pieces of a concatenation, or None."""
    copy = group.actions[0].lowering
    if not isinstance(copy, Copy) or copy.fill is not None or len(copy.blocks) < 2:
        return None
    makers = {made_by.get(storage) for storage in group.inputs}
    maker = makers.pop() if len(makers) == 1 else None
    if maker is None or maker.shape is None:
        return None
    slots = group.actions[0].inputs
    fits = all(
        actions.types[slot].shape == maker.shape
        and slot not in actions.views
        and block.source_offset == 0
        and block.source_strides == strides_of(block.sizes)
        and _stretch(block.sizes, block.target_strides)
        and 0 not in block.sizes
        for slot, block in zip(slots, copy.blocks, strict=True)
    )
    own = {actions.storage[a.outputs[0]] for a in maker.actions}
    return maker if fits and own.issuperset(actions.storage[s] for s in slots) else None
