"""Rules for loops and branches. Their bodies are analysed like any schedule."""

from __future__ import annotations

from collections.abc import Sequence

from nodeflow.engine.rows.analysis import Walk, merged
from nodeflow.engine.rows.call import Call
from nodeflow.engine.rows.registry import follows_op
from nodeflow.engine.rows.states import JoinKind, MixesRows, Rows, State, Whole
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.graph.graph import Graph
from nodeflow.graph.types import TensorType
from nodeflow.ops.control_flow.scan_body import draws, inline


class _Inside:
    """The body of a loop or branch, analysed for given states of its inputs.

    Its reductions count for the loop or branch.
    """

    def __init__(self, call: Call, text: str, types: Sequence[TensorType]) -> None:
        graph = Graph()
        feeds = [graph.apply("placeholder", dtype=t.dtype, shape=t.shape) for t in types]
        self.schedule = build_schedule(inline(graph, text, feeds), feeds)
        self.types = [t.type for t in self.schedule.slots]
        self.feeds = [self.schedule.feeds.get(t) for t in feeds]
        self.call = call
        self.joins: list[JoinKind] = []

    def states(self, given: Sequence[State]) -> list[State]:
        """Return how the outputs of a loop or branch body depend on the rows of the batch, given
        the same for its inputs.

        Raises:
            MixesRows: a node inside mixes rows.
        """
        fed = {slot: s for slot, s in zip(self.feeds, given, strict=True) if slot is not None}
        flow = Walk(self.schedule, self.types, fed, self.call.number).run()
        if flow.mixing:
            first = flow.mixing[0]
            raise MixesRows(f"{first.reason}, in its {first.node.name}")
        self.joins = [join.kind for joins in flow.joins.values() for join in joins]
        return [flow.states[s] for s in self.schedule.fetches if s is not None]


def _fixed_point(
    inside: _Inside, carried: Sequence[State], others: Sequence[State]
) -> tuple[list[State], list[State]]:
    """Propagate row states through a loop body again and again until the states of the carried
    values no longer change. A state says how a value depends on the rows of the batch.

    Return the states of the carried values and of all outputs of the body.
    """
    now = list(carried)
    while True:
        made = inside.states([*now, *others])
        then = [merged(a, b) for a, b in zip(now, made, strict=False)]
        if then == now:
            return now, made
        now = then


def _seen(call: Call, states: Sequence[State], shift: int = 0) -> None:
    """Apply a finding from a loop body to the loop itself: record the inputs that do not come from
    the batch, but must be sliced like it.
    """
    for index, state in enumerate(states):
        if isinstance(state, Rows):
            call.slice(index, state.at(state.axis + shift))


def _stacked(state: State) -> State:
    return state.at(state.axis + 1) if isinstance(state, Rows) else state


@follows_op("scan")
def scanned(call: Call) -> Sequence[State]:
    count, last = call.attrs["carried"], call.attrs["carried"] + call.attrs["sequences"]
    if not count and any(rows.axis == 0 for i in range(last) if (rows := call.rows(i)) is not None):
        return _mapped(call)
    slices: list[State] = []
    for index in range(count, last):
        state = call.states[index]
        call.apart(call.rows(index), [0], "goes from row to row")
        slices.append(state.at(state.axis - 1) if isinstance(state, Rows) else state)
    types = [
        t.with_shape(t.shape[1:]) if count <= i < last else t for i, t in enumerate(call.types)
    ]
    inside = _Inside(call, call.attrs["body"], types)
    now, made = _fixed_point(inside, call.states[:count], [*slices, *call.states[last:]])
    call.record.joins.extend(inside.joins)
    _seen(call, now)
    history = map(_stacked, now) if call.attrs["history"] else ()
    return [*now, *history, *map(_stacked, made[count:])]


def _mapped(call: Call) -> Sequence[State]:
    """Return where the outputs of a scan without carried values, such as ``map_fn``, hold the rows
    of the batch: along the same axis as its inputs.
    """
    found = {s for s in call.states if isinstance(s, Rows)}
    if len(found) > 1 or any(map(call.rows, range(call.attrs["sequences"], len(call.types)))):
        raise MixesRows("combines each row with all others")
    if draws(call.attrs["body"]):
        raise MixesRows("draws random numbers by row number")
    (rows,) = found
    for index in range(call.attrs["sequences"]):
        call.slice(index, rows)
    return [rows] * len(call.outs)


@follows_op("while_loop")
def repeated(call: Call) -> Sequence[State]:
    count = call.attrs["carried"]
    constants = call.states[count:]
    body = _Inside(call, call.attrs["body"], call.types)
    now, made = _fixed_point(body, call.states[:count], constants)
    test = _Inside(call, call.attrs["cond"], call.types)
    if not isinstance(test.states([*now, *constants])[0], Whole):
        raise MixesRows("has a condition with rows, and so no common end")
    call.record.joins.extend((*body.joins, *test.joins))
    _seen(call, now)
    history = [*map(_stacked, now), *map(_stacked, made[count:])] if call.attrs["history"] else ()
    return [*now, *history]


@follows_op("cond")
def branched(call: Call) -> Sequence[State]:
    found: list[list[State]] = []
    for name in ("true_body", "false_body"):
        inside = _Inside(call, call.attrs[name], call.types[1:])
        found.append(inside.states(call.states[1:]))
        call.record.joins.extend(inside.joins)
    return [max_state(call.states[0], merged(a, b)) for a, b in zip(*found, strict=True)]


def max_state(condition: State, state: State) -> State:
    """Return how the result of a branch depends on the rows of the batch, where the condition
    counts as an input.
    """
    if isinstance(state, Whole) and isinstance(condition, Whole):
        return max(state, condition)
    return state
