"""Loops and branches, computed by JAX's own loops and branches.

Failures inside set flags that the loop carries out. The sequences of a scan may be padded with
zeros to a maximum length (`Lowered.length`, see `padding`). Steps beyond the true length change
nothing, and stack zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from nodeflow.graph.types import TensorType
from nodeflow.integrations.jax.evaluate import apply_body
from nodeflow.integrations.jax.failures import Failures
from nodeflow.integrations.jax.registry import Lowered, computes

Piece = Callable[..., list[Any]]


@computes("scan")
def scan(node: Lowered, *arrays: Any) -> tuple[Any, ...]:
    attrs = node.attrs
    count, last = attrs["carried"], attrs["carried"] + attrs["sequences"]
    sequences, constants = arrays[count:last], arrays[last:]
    slices = [t.with_shape(t.shape[1:]) for t in node.inputs[count:last]]
    types = [*node.inputs[:count], *slices, *node.inputs[last:]]
    steps, length = sequences[0].shape[0], node.length
    inside = Failures()

    def step(carried: Sequence[Any], number: Any, rows: Sequence[Any]) -> tuple[list[Any], Any]:
        given = [*carried, *rows, *constants]
        made = _run(node, attrs["body"], given, types, number, inside)
        return made, inside.stacked()

    def body(carried: Any, sliced: Any) -> Any:
        number, rows = sliced[0], sliced[1:]
        if length is None:
            made, failed = step(carried, number, rows)
        else:
            shapes = jax.eval_shape(step, carried, number, rows)
            made, failed = lax.cond(
                number < length,
                lambda: step(carried, number, rows),
                lambda: _nothing(carried, shapes, count),
            )
        before = carried if attrs["history"] else ()
        if length is not None:
            before = tuple(jnp.where(number < length, b, jnp.zeros_like(b)) for b in before)
        return tuple(made[:count]), (before, tuple(made[count:]), failed)

    numbers = lax.iota(jnp.int64, steps)
    carried, (before, results, failed) = lax.scan(
        body, tuple(arrays[:count]), (numbers, *sequences), reverse=attrs["reverse"]
    )
    if node.failures is not None:
        node.failures.adopt(inside, jnp.any(failed, axis=0))
    return (*carried, *before, *results)


def _nothing(carried: Sequence[Any], shapes: Any, count: int) -> tuple[list[Any], Any]:
    """Return the outputs of a loop iteration beyond the true length of a padded sequence: unchanged
    carried values, zeros, and no failure.
    """
    made, failed = shapes
    zeros = [jnp.zeros(s.shape, s.dtype) for s in made[count:]]
    return [*carried, *zeros], jnp.zeros(failed.shape, bool)


@computes("while_loop")
def while_loop(node: Lowered, *arrays: Any) -> tuple[Any, ...]:
    attrs, types = node.attrs, node.inputs
    count, limit = attrs["carried"], attrs["maximum_iterations"]
    constants = arrays[count:]
    testing, inside = Failures(), Failures()

    def test(number: Any, carried: Sequence[Any]) -> tuple[Any, Any]:
        given = [*carried, *constants]
        again = _run(node, attrs["cond"], given, types, number, testing)[0]
        return (again if limit is None else again & (number < limit)), testing.stacked()

    def step(number: Any, carried: Sequence[Any]) -> tuple[tuple[Any, ...], Any]:
        given = [*carried, *constants]
        made = _run(node, attrs["body"], given, types, number, inside)
        return tuple(made[:count]), inside.stacked()

    def body(state: Any) -> Any:
        number, carried, _, failed = state
        carried, new = step(number, carried)
        again, more = test(number + 1, carried)
        return number + 1, carried, again, failed | jnp.concatenate([more, new])

    start = jnp.zeros((), jnp.int64)
    again, failed = test(start, arrays[:count])
    flags = jax.eval_shape(step, start, arrays[:count])[1].shape[0]
    begun = jnp.concatenate([failed, jnp.zeros(flags, bool)])
    state = (start, tuple(arrays[:count]), again, begun)
    _, carried, _, failed = lax.while_loop(lambda s: s[2] & ~jnp.any(s[3]), body, state)
    if node.failures is not None:
        node.failures.adopt(testing, failed[: len(testing.flags)])
        node.failures.adopt(inside, failed[len(testing.flags) :])
    return carried


@computes("cond")
def cond(node: Lowered, pred: Any, *arrays: Any) -> tuple[Any, ...]:
    pieces = [Failures(), Failures()]
    texts = node.attrs["true_body"], node.attrs["false_body"]

    def branch(at: int) -> Piece:
        def run(*values: Any) -> Any:
            made = _run(node, texts[at], values, node.inputs[1:], 0, pieces[at])
            return made, pieces[at].stacked()

        return run

    counts = [jax.eval_shape(branch(at), *arrays)[1].shape[0] for at in (0, 1)]

    def padded(at: int) -> Piece:
        def run(*values: Any) -> Any:
            made, failed = branch(at)(*values)
            other = jnp.zeros(counts[1 - at], bool)
            return made, jnp.concatenate([failed, other] if at == 0 else [other, failed])

        return run

    made, failed = lax.cond(pred, padded(0), padded(1), *arrays)
    if node.failures is not None:
        node.failures.adopt(pieces[0], failed[: counts[0]])
        node.failures.adopt(pieces[1], failed[counts[0] :])
    return tuple(made)


def _run(
    node: Lowered,
    text: str,
    arrays: Sequence[Any],
    types: Sequence[TensorType],
    number: Any,
    inside: Failures,
) -> list[Any]:
    """Trace the body of a loop or branch in JAX, and return its outputs.

    Its failures are collected in a separate `Failures`, because the body may be traced several
    times.
    """
    inside.clear()
    return apply_body(text, arrays, types, node.stream, number, node.name, inside)[0]
