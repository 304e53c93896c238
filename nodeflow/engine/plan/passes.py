"""The rewrites of a plan, each a decorated function, and the order in which all passes run.

A *pass* takes a `Draft`, the plan in the making, one step further. `plan.PASSES` lists the fixed
passes in order. A *rewrite* is an optional pass: it runs as soon as all passes that it follows have
run. Its docstring is its documentation, the equation first.

The rest of nodeflow knows rewrites through this registry only: ``--without`` and
``Session(without=...)`` take its names, ``--explain`` and the documentation print its docstrings,
and tests compare runs with and without each entry. An *exact* rewrite changes no bit of any result,
so neither tiers nor settings can disagree; expressions that would round differently are left as the
user wrote them. The other rewrites state their tolerance in docs/correctness.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np

from nodeflow.engine.interpreter import call_reference
from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.ir.launches import MAX_TASKS
from nodeflow.engine.kernels.softmax import row_softmax
from nodeflow.engine.plan import packed_sums, product_sums, summing, touched_rows, views
from nodeflow.engine.plan.allocate import allocate
from nodeflow.engine.plan.branch_order import serialize_branches
from nodeflow.engine.plan.by_rows import join_rows
from nodeflow.engine.plan.chaining import TaskChain, chain_of_runs, find_chains
from nodeflow.engine.plan.draft import Draft
from nodeflow.engine.plan.fusion import group_actions
from nodeflow.engine.plan.inplace import flush_updates, tables_of_rows
from nodeflow.engine.plan.lower import copy_fetched_variables
from nodeflow.engine.plan.operands_apart import rows_apart
from nodeflow.engine.plan.pooled_masks import mask_pooled
from nodeflow.engine.plan.sinking import sink_into_loops
from nodeflow.engine.plan.transpositions import undo_transpositions
from nodeflow.engine.schedule import stabilise as logarithms
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.errors import UnknownName, suggest
from nodeflow.graph.graph import Node
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops.lowering import Elementwise, Random

F = TypeVar("F", bound=Callable[..., Any])

Pass = Callable[[Draft], None]
Scope = Literal["schedule", "plan"]


@dataclass(frozen=True)
class Rewrite:
    """One entry of the registry.

    Attributes:
        run: for scope ``plan``, a `Pass`; for scope ``schedule``, a function from a schedule
            and its types to new ones, for both tiers.
        exact: whether the rewrite changes no bit of any result.
        after: ids of rewrites, and names of fixed passes, that must run before it.
        aliases: other names by which it can be disabled.
    """

    id: str
    run: Callable[..., Any]
    exact: bool
    after: tuple[str, ...]
    aliases: tuple[str, ...]
    scope: Scope

    @property
    def text(self) -> str:
        """The documentation of the rewrite: its docstring."""
        return inspect.getdoc(self.run) or ""

    @property
    def summary(self) -> str:
        """The first paragraph of the documentation, on one line."""
        return " ".join(self.text.split("\n\n")[0].split())


REWRITES: dict[str, Rewrite] = {}
"""All rewrites by id, each after the rewrites that it follows."""


def rewrite(
    id: str,
    *,
    exact: bool,
    after: Sequence[str] = (),
    aliases: Sequence[str] = (),
    scope: Scope = "plan",
) -> Callable[[F], F]:
    """Return a decorator that registers a function as a rewrite. Its docstring is the
    documentation.

    Raises:
        ValueError: the id is taken.
    """

    def register(function: F) -> F:
        if id in REWRITES:
            raise ValueError(f"two rewrites are called {id}")
        REWRITES[id] = Rewrite(id, function, exact, tuple(after), tuple(aliases), scope)
        return function

    return register


def resolve(names: Collection[str]) -> frozenset[str]:
    """Return the ids of the rewrites with these ids or aliases.

    Raises:
        UnknownName: there is no such rewrite.
    """
    found: set[str] = set()
    for name in names:
        ids = [r.id for r in REWRITES.values() if name == r.id or name in r.aliases]
        if not ids:
            raise UnknownName(f"there is no rewrite {name!r}", hint=suggest(name, REWRITES))
        found.update(ids)
    return frozenset(found)


def rewrites_in_order() -> list[Rewrite]:
    """Return all rewrites; those that act on schedules come first."""
    return sorted(REWRITES.values(), key=lambda each: each.scope != "schedule")


def rewrite_schedule(
    schedule: Schedule, types: Sequence[TensorType], without: frozenset[str]
) -> tuple[Schedule, list[TensorType]]:
    """Apply those rewrites that change schedules. Return the new schedule and the types of its
    slots, for compiled and reference runs alike.
    """
    given = list(types)
    for each in REWRITES.values():
        if each.scope == "schedule" and each.id not in without:
            schedule, given = each.run(schedule, given)
    return schedule, given


def pipeline(fixed: Mapping[str, Pass], without: frozenset[str]) -> Iterator[tuple[str, Pass]]:
    """Yield the name and function of all passes in order, each rewrite as early as possible.

    Raises:
        ValueError: a rewrite follows itself or a rewrite that does not exist.
    """
    done = {r.id for r in REWRITES.values() if r.scope == "schedule"}
    waiting = [r for r in REWRITES.values() if r.scope == "plan"]

    def ready() -> Iterator[tuple[str, Pass]]:
        while (first := next((r for r in waiting if done.issuperset(r.after)), None)) is not None:
            waiting.remove(first)
            done.add(first.id)
            if first.id not in without:
                yield first.id, first.run

    yield from ready()
    for name, each in fixed.items():
        yield name, each
        done.add(name)
        yield from ready()
    if waiting:
        raise ValueError(f"the rewrite {waiting[0].id} follows a pass that does not run")


# ---- rewrites of schedules ----------------------------------------------------------------------


@rewrite("stabilise", exact=False, scope="schedule")
def stabilise(schedule: Schedule, types: Sequence[TensorType]) -> tuple[Schedule, list[TensorType]]:
    """log(softmax(x)) = log_softmax(x), log(sigmoid(x)) = -softplus(-x), and their gradients

    As written, both logarithms are infinite or NaN where a probability underflows to 0. Values that
    were right before change by rounding only.
    """
    return logarithms.stabilise(schedule, types)


# ---- rewrites of actions ------------------------------------------------------------------------

EXACT = frozenset(
    {
        "add", "subtract", "multiply", "divide", "negative", "abs", "sign", "square", "sqrt",
        "maximum", "minimum", "equal", "not_equal", "less", "less_equal", "greater",
        "greater_equal", "logical_and", "logical_or", "logical_not", "where", "cast", "floor",
        "ceil", "reshape", "expand_dims", "squeeze", "broadcast_to", "transpose", "zeros_like",
        "ones_like", "concat", "tile", "pad",
    }
)  # fmt: skip
"""Ops for which numpy and the kernels compute identical bits, because IEEE 754 defines their
rounding.
"""
FOLDED_SIZE = 4096
"""Maximum number of elements of a folded value. Larger values would take memory and save little
time.
"""


@rewrite("softmax", exact=True, aliases=("rows",))
def softmax(draft: Draft) -> None:
    """max, x - max, exp, sum, quotient = one pass over each row

    Short rows, or strips of columns, stay in cache from the maximum to the quotient. The separate
    ops would each pass over the whole array.
    """
    for step in draft.schedule.steps:
        whole = row_softmax(draft.types, step)
        if whole is not None:
            draft.chosen[step.outputs[0]] = whole
            draft.note("softmax", step.node.name)


@rewrite("fold", exact=True, after=("lower",))
def fold(draft: Draft) -> None:
    """f(constants) = constant

    Values that depend on constants only are computed once, while planning. Only ops whose kernels
    give the same bits as their reference are folded.
    """
    actions = draft.actions
    folded: set[Node] = set()
    for step in draft.schedule.steps:
        if step.node.op.id not in EXACT or not step.inputs:
            continue
        known = (actions.storage[s] in actions.constants for s in step.inputs)
        sizes = (actions.types[s].size for s in step.outputs)
        if (
            all(known)
            and actions.storage[step.outputs[0]] not in actions.constants
            and all(size is not None and size <= FOLDED_SIZE for size in sizes)
        ):
            values = call_reference(step.node, [actions.value(s) for s in step.inputs], _no_stream)
            for slot, value in zip(step.outputs, values, strict=True):
                actions.set_constant(actions.storage[slot], value)
            folded.add(step.node)
            draft.note("fold", step.node.name)
    if folded:
        actions.items[:] = [a for a in actions.items if a.node not in folded]


def _no_stream(node: Node) -> None:
    raise AssertionError(f"{node.name} draws nothing")


@rewrite("simplify", exact=True, after=("fold",))
def simplify(draft: Draft) -> None:
    """x * 1 = x / 1 = x - 0 = x, and for integers x + 0 = x

    For floats ``x + 0`` stays, because it turns -0 into 0.
    """
    actions = draft.actions
    same: dict[int, int] = {}
    kept = []
    for action in actions.items:
        slot = _simplified(actions, action, same)
        if slot is None:
            kept.append(action)
        else:
            storage = actions.storage[slot]
            same[actions.storage[action.outputs[0]]] = same.get(storage, storage)
            draft.note("simplify", f"{action.node.name} is its input")
    actions.items[:] = kept
    actions.replace(same)


_NEUTRAL = {"x * y": (1, (1, 0)), "x / y": (1, (1,)), "x - y": (0, (1,)), "x + y": (0, (1, 0))}


def _simplified(actions: Actions, action: Action, same: Mapping[int, int]) -> int | None:
    """Return the slot of an input that equals the action's result, as x in ``x * 1``. Return None
    if there is none.
    """
    if not isinstance(action.lowering, Elementwise) or len(action.inputs) != 2:
        return None
    neutral = _NEUTRAL.get(action.lowering.expression)
    out = actions.types[action.outputs[0]]
    if neutral is None or (action.lowering.expression == "x + y" and out.dtype in FLOATS):
        return None
    value, sides = neutral
    for side in sides:
        storage = actions.storage[action.inputs[side]]
        constant = actions.constants.get(same.get(storage, storage))
        other = action.inputs[1 - side]
        if constant is not None and actions.types[other] == out and _is_all(constant, value):
            return other
    return None


def _is_all(constant: np.ndarray, value: int) -> bool:
    """Return whether every element of a constant is ``value``, and none is -0."""
    return bool(constant.size) and bool(
        np.all(constant == value) and not (value == 0 and np.signbit(constant).any())
    )


POWERS: dict[float, str] = {
    1: "x", 2: "x * x", 3: "cube(x)", 4: "fourth_power(x)", 0.5: "half_power(x)",
}  # fmt: skip
"""For each of these exponents, a formula that equals the power bit for bit."""


@rewrite("powers", exact=True, after=("simplify",))
def powers(draft: Draft) -> None:
    """x**2 = x * x, and likewise for 1, 3, 4 and 1/2

    A general power takes a logarithm and an exponential.
    """
    actions = draft.actions
    for number, action in enumerate(actions.items):
        lowering = action.lowering
        if not isinstance(lowering, Elementwise) or lowering.expression != "pow(x, y)":
            continue
        x, y = action.inputs
        out = actions.types[action.outputs[0]]
        exponent = actions.constants.get(actions.storage[y])
        if exponent is None or not exponent.size or actions.types[x] != out:
            continue
        formula = POWERS.get(float(exponent.flat[0]))
        if formula is None or not np.all(exponent == exponent.flat[0]):
            continue
        if out.dtype not in FLOATS and formula != "x * x":
            continue
        actions.items[number] = action._replace(lowering=Elementwise(formula, ("x",)), inputs=(x,))
        draft.note("powers", f"{action.node.name} is {formula}")


@rewrite("share", exact=True, after=("powers",))
def share(draft: Draft) -> None:
    """f(x) + f(x) = y + y, where y = f(x)

    Equal expressions are computed once, and equal constants are stored once. Random ops are not
    shared, because each node draws its own numbers. Ops without a kernel are not shared, because
    they may have side effects.
    """
    actions = draft.actions
    same: dict[int, int] = {}
    constants: dict[Hashable, int] = {}
    for storage, value in actions.constants.items():
        if value.size <= FOLDED_SIZE:
            first = constants.setdefault((value.dtype.str, value.shape, value.tobytes()), storage)
            if first != storage:
                same[storage] = first
    for storage in same:
        del actions.constants[storage]
    made: dict[Hashable, Action] = {}
    kept = []
    for action in actions.items:
        key = _expression_key(actions, action, same)
        first = made.setdefault(key, action) if key is not None else action
        if first is action:
            kept.append(action)
            continue
        for slot, known in zip(action.outputs, first.outputs, strict=True):
            same[actions.storage[slot]] = actions.storage[known]
        draft.note("share", f"{action.node.name} equals {first.node.name}")
    actions.items[:] = kept
    actions.replace(same)


def _expression_key(actions: Actions, action: Action, same: Mapping[int, int]) -> Hashable:
    """Return a hashable key that is equal for actions that compute equal values, for common
    subexpression elimination. Return None if the action must not be shared.
    """
    lowering = action.lowering
    if lowering is None or isinstance(lowering, Random):
        return None
    if action.outputs[0] in actions.repeated:
        return None  # sharing would keep it in memory
    storage, types = actions.storage, actions.types
    slots = (*action.inputs, *action.outputs)
    inputs = tuple([same.get(storage[s], storage[s]) for s in action.inputs])
    outputs = tuple([(types[s].dtype, types[s].shape) for s in slots])
    if isinstance(lowering, Elementwise):  # the most frequent case, and its repr takes long
        attrs = repr(lowering.attrs) if lowering.attrs else ""
        return lowering.expression, lowering.names, attrs, inputs, outputs
    return repr(lowering), inputs, outputs


@rewrite("transpositions", exact=True, after=("share",))
def transpositions(draft: Draft) -> None:
    """transpose(f(transpose(x))) = f(x), if the transpositions cancel and f is elementwise

    Networks with channels first transpose images before and after each convolution and pooling,
    because the kernels of these ops have the channels last. With this rewrite, elementwise ops
    between two such kernels also have the channels last.
    """
    for name in undo_transpositions(draft.actions, draft.apart):
        draft.note("transpositions", f"{name} stays in the order of its kernel")


@rewrite("pooled_masks", exact=True, after=("transpositions", "copy_fetched"))
def pooled_masks(draft: Draft) -> None:
    """where(x > 0, unpooled(g), 0) = unpooled(where(pooled(relu(x)) > 0, g, 0))

    The gradient of max-pooled relu is masked before it is spread over the picture. This saves a
    pass over the picture and the memory of its mask.
    """
    for name in mask_pooled(draft.actions, draft.fetched | draft.written):
        draft.note("pooled_masks", f"{name} masks what is pooled")


@rewrite("sink", exact=True, after=("copy_fetched",))
def sink(draft: Draft) -> None:
    """scan(f, x + b) = scan(f(. + b), x)

    If a sequence is read by one loop only, an addition or multiplication of the sequence by a
    vector moves into the loop. This saves a pass over memory.
    """
    for name in sink_into_loops(draft.actions, draft.fetched | draft.written):
        draft.note("sink", f"{name} is done in the loop")


@rewrite("add_in_products", exact=True, after=("sink",))
def add_in_products(draft: Draft) -> None:
    """(x + b) + y W = one pass

    If a matrix product is an operand of a sum, its kernel also adds the other operands while the
    results are in registers. The sum then needs no pass over memory. In a loop, this applies to
    products whose weights are packed. Outside of loops it applies to large products, unless the sum
    belongs to a fused elementwise kernel.
    """
    ends = draft.fetched | draft.written
    for add in (packed_sums.add_in_products, product_sums.add_in_panels):
        for name in add(draft.actions, ends):
            draft.note("add_in_products", f"{name} is added by the product")


@rewrite("flush", exact=False, after=("copy_fetched",))
def flush(draft: Draft) -> None:
    """x = 0 where abs(x) is below the smallest normal number, in updates of a training step

    Only the kernels that compute a variable's new value flush denormals to zero. A result changes
    by at most the smallest normal number.
    """
    if draft.is_step or draft.updating:
        flush_updates(draft.actions)


@rewrite("touched", exact=False, after=("flush",))
def touched(draft: Draft) -> None:
    """f(table, gradient) = table in all rows that no lookup named: compute only the others

    The gradient of a lookup is zero except in the named rows, and gradient descent and AdaGrad
    leave all other rows alone. So the time of a step depends on the number of names, not on the
    size of the table. Touched rows have the same bits; a denormal number in an untouched row stays
    denormal.
    """
    if draft.is_step or draft.updating:
        for what in touched_rows.update_touched_rows(draft.actions):
            draft.note("touched", what)
        if not draft.is_step:
            copy_fetched_variables(draft.actions, tables_of_rows(draft.actions))


# ---- rewrites of groups -------------------------------------------------------------------------


@rewrite("apart", exact=True, after=("loops",))
def attend_apart(draft: Draft) -> None:
    """attention(transpose(x)[0], ...) = attention, reading rows of x in place

    Queries, keys and values are slices of one matrix product whose axes are transposed. The
    attention kernel reads their rows directly from the product, and writes its result in transposed
    order, so that no transposition is computed.
    """
    for name in rows_apart(draft.actions, draft.fetched | draft.written):
        draft.note("apart", f"{name} is done by attention")


@rewrite("views", exact=True, after=("loops",))
def read_slices(draft: Draft) -> None:
    """f(x[a:b]) = f, reading x in place

    Slices that only formulas read are not copied.
    """
    views.read_slices(draft.actions)


@rewrite("sums", exact=True, after=("views",))
def sums(draft: Draft) -> None:
    """sum(f(x)), sum(g(x)) = one pass over x, over columns or long rows

    The kernel that sums values, or finds their maximum or minimum, also computes them. Other
    formulas that read the values recompute them if that reads no more memory.
    """
    for name in summing.sum_formulas(draft.actions, draft.fetched | draft.written):
        draft.note("sums", f"{name} computes what it adds up")


@rewrite("fuse", exact=True, after=("sums",))
def fuse(draft: Draft) -> None:
    """g(f(x)) = (g . f)(x): neighbouring elementwise ops are one kernel"""
    draft.groups = group_actions(draft.actions, apart=draft.apart)


@rewrite("rowwise", exact=True, after=("fuse",))
def rowwise(draft: Draft) -> None:
    """mean(x), mean((x - mean)^2), (x - mean) / deviation = one pass over rows

    Elementwise ops and reductions along rows are joined into one kernel, which computes all of them
    for a few rows at a time while these are in the first-level cache. If another such kernel needs
    a value that takes a few instructions from one array, it recomputes the value instead of loading
    it.
    """
    before = set(draft.groups)
    draft.groups = join_rows(draft.actions, draft.groups, draft.fetched | draft.written)
    for each in draft.groups:
        if each not in before:
            draft.note("rowwise", " + ".join(each.names))


@rewrite("pieces", exact=True, after=("group",), aliases=("views",))
def write_pieces(draft: Draft) -> None:
    """concat(f(x), g(x)) = f and g, each writing directly into the concatenation

    Pieces that are all computed by one kernel are not copied.
    """
    draft.groups = views.write_pieces(draft.actions, draft.groups)


@rewrite("chain", exact=True, after=("launches",), aliases=("strands",))
def chain(draft: Draft) -> None:
    """A task of one kernel continues with its rows through the kernels that follow

    Neighbouring kernels run without a barrier if each task needs only its own rows.
    """
    draft.chains = find_chains(
        draft.actions, draft.groups, draft.work, draft.after, draft.phase_of, join=True
    )


@rewrite("loop_rows", exact=True, after=("launches",))
def chain_runs(draft: Draft) -> None:
    """A task continues with its rows through all iterations of a loop

    Without this rewrite, all tasks wait for each other after each iteration. It applies if each
    task needs only its own rows of the previous iteration.
    """
    chain = chain_of_runs(draft.actions, draft.groups, draft.work)
    if chain is not None:
        draft.chains = [chain]


@rewrite("serialize", exact=True, after=("chains",), aliases=("turns",))
def serialize(draft: Draft) -> None:
    """Large independent branches run one after the other, each while its values are in cache"""

    def written(chain: TaskChain) -> int:
        tasks = sum(launch.tasks for launch in draft.launches.get(chain.groups[0], ()))
        return sum(map(draft.nbytes, chain.made)) if tasks >= MAX_TASKS else 0

    for apart in serialize_branches(
        draft.chains, lambda chain: draft.phase_of[chain.groups[0]], written
    ):
        draft.note("serialize", apart.groups[0].actions[0].node.name)


@rewrite("reuse", exact=True, after=("serialize",))
def reuse(draft: Draft) -> None:
    """A later result reuses the memory of an intermediate result that nothing reads any more

    The last elementwise formula that reads a result may overwrite it.
    """
    allocate(draft, reuse=True)
