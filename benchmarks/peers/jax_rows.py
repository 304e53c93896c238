"""Cases of `row_workloads` in JAX, jitted. Arrays that are changed in place are donated."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import row_workloads as rows
from workloads import Work

COMPUTE = {
    "sort": lambda x: [jnp.sort(x)],
    "argsort": lambda x: [jnp.argsort(x, stable=True)],
    "top_k": lambda x: jax.lax.top_k(x, rows.TOP),
    "cumsum": lambda x: [jnp.cumsum(x)],
    "cumsum_down": lambda x: [jnp.cumsum(x, axis=0)],
}


def prepare(case: str) -> Work:
    kind, count = rows.parts(case)[0], rows.copies(case)
    if kind in rows.DRAWN:
        return drawn(case, count)
    if kind in rows.MOVED:
        return moved(case, count)
    value, compute = rows.vector(case), COMPUTE[kind]
    xs = [jnp.array(value) for _ in range(count)]
    every = jax.jit(lambda xs: [compute(x) for x in xs])

    def first():
        if kind.startswith("cumsum"):  # the last of many sums are far off in float32
            return [np.cumsum(value, axis=0, dtype="float64")]
        return compute(xs[0])

    return Work(first, lambda: jax.block_until_ready(every(xs)), count)


def drawn(case: str, count: int) -> Work:
    key, (kind, scale) = jax.random.key(0), rows.parts(case)

    @jax.jit
    def draw(key):
        key, *own = jax.random.split(key, count + 1)
        return key, [getattr(jax.random, kind)(k, (rows.ELEMENTS[scale],)) for k in own]

    def compute():
        nonlocal key
        key, found = jax.block_until_ready(draw(key))
        return found

    return Work(lambda: [rows.moments(np.asarray(compute()[0]))], compute, count)


def moved(case: str, count: int) -> Work:
    kind, moves = rows.parts(case)[0], rows.moves(case)
    tables = [jnp.array(moves.table) for _ in range(count)]
    named, values = jnp.array(moves.rows), jnp.array(moves.values)
    if kind == "gather":
        take = jax.jit(lambda tables, named: [table[named] for table in tables])
        return Work(
            lambda: take(tables[:1], named), lambda: jax.block_until_ready(take(tables, named)),
            count,
        )  # fmt: skip

    @functools.partial(jax.jit, donate_argnums=0)
    def change(tables, named, values):
        places = [table.at[named] for table in tables]
        return [p.add(values) if kind == "scatter_add" else p.set(values) for p in places]

    def compute():
        nonlocal tables
        tables = jax.block_until_ready(change(tables, named, values))
        return tables

    return Work(lambda: [np.array(compute()[0])], compute, count)
