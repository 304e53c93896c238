"""Attention and its gradient, computed one tile of keys after the other.

Only the scores of all queries with the keys of one tile are in memory at a time. When a tile
raises the largest score so far, the sums so far are rescaled to the new maximum.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from nodeflow.integrations.jax.products import matmul
from nodeflow.integrations.jax.registry import Lowered, lowers
from nodeflow.integrations.jax.rules.indices import shape_of
from nodeflow.ops.lowering import KEYS, NEVER, Attend, AttendGradient


@lowers(Attend)
def attend(node: Lowered, query: Any, key: Any, value: Any, mask: Any = None) -> tuple[Any, Any]:
    """Return the result of attention, and for each query the logarithm of the sum of its scores'
    exponentials.
    """
    shape, rows = shape_of(node), shape_of(node, 1)
    dtype = query.dtype
    best = jnp.full(rows, -jnp.inf, dtype)
    if not key.shape[-2]:
        return jnp.zeros(shape, dtype), best
    tiles = _Tiles(node, query, key, value, mask)

    def step(carried: Any, tile: Any) -> Any:
        best, total, out = carried
        scores = tiles.scores(tile)
        larger = jnp.maximum(best, scores.max(-1))
        shift = jnp.where(larger == -jnp.inf, jnp.zeros((), dtype), larger)
        kept, powers = jnp.exp(best - shift), jnp.exp(scores - shift[..., None])
        out = out * kept[..., None] + matmul(powers, tiles.values(tile))
        return (larger, total * kept + powers.sum(-1), out), None

    start = best, jnp.zeros(rows, dtype), jnp.zeros(shape, dtype)
    best, total, out = tiles.each(step, start)[0]
    return out / total[..., None], best + jnp.log(total)


@lowers(AttendGradient)
def attend_gradient(
    node: Lowered,
    query: Any,
    key: Any,
    value: Any,
    normalizer: Any,
    delta: Any,
    g: Any,
    mask: Any = None,
) -> tuple[Any, ...]:
    """Return the gradients of attention with respect to queries, keys and values, for arrays with
    any leading batch axes.
    """
    lowering, count, dtype = node.lowering, key.shape[-2], query.dtype
    assert isinstance(lowering, AttendGradient)
    shapes = [shape_of(node, i) for i in range(3)]
    if not count:
        return tuple(jnp.zeros(shape, dtype) for shape in shapes)
    tiles = _Tiles(node, query, key, value, mask)
    impossible = (normalizer <= NEVER / 2)[..., None]

    def step(by_query: Any, tile: Any) -> Any:
        weights = jnp.exp(tiles.scores(tile) - normalizer[..., None])
        weights = jnp.where(impossible, jnp.asarray(1 / count, dtype), weights)
        change = matmul(g, jnp.swapaxes(tiles.values(tile), -1, -2))
        change = weights * (change - delta[..., None])
        change = jnp.where(impossible, jnp.zeros((), dtype), change) * tiles.scale
        by_key = matmul(jnp.swapaxes(change, -1, -2), query)
        by_value = matmul(jnp.swapaxes(weights, -1, -2), g)
        return by_query + matmul(change, tiles.keys(tile)), (by_key, by_value)

    by_query, rows = tiles.each(step, jnp.zeros(shapes[0], dtype))
    by_key, by_value = (_joined(part, shape) for part, shape in zip(rows, shapes[1:], strict=True))
    return by_query, by_key, by_value


def _joined(parts: Any, shape: tuple[int, ...]) -> Any:
    """Concatenate the rows of all tiles: (tiles, ..., keys, features) to a given shape."""
    parts = jnp.moveaxis(parts, 0, -3)
    whole = parts.reshape(*parts.shape[:-3], -1, parts.shape[-1])
    return jnp.broadcast_to(whole[..., : shape[-2], :], shape)


class _Tiles:
    """Queries, keys and values, with the keys divided into tiles. The last tile may be padded."""

    def __init__(self, node: Lowered, query: Any, key: Any, value: Any, mask: Any) -> None:
        assert isinstance(node.lowering, Attend | AttendGradient)
        self.causal, self.offset = node.lowering.causal, node.lowering.offset
        self.scale = jnp.asarray(node.lowering.scale, query.dtype)
        self.query, self.count = query, key.shape[-2]
        self.size = min(KEYS, self.count)
        self.tiles = -(-self.count // self.size)
        self.fill = self.tiles * self.size - self.count
        self._key, self._value = (self._filled(a, -2) for a in (key, value))
        wide = mask is not None and mask.ndim and mask.shape[-1] > 1
        self.mask = self._filled(mask, -1) if wide else mask
        self.wide = wide

    def _filled(self, x: Any, axis: int) -> Any:
        pads = [(0, 0)] * x.ndim
        pads[axis] = (0, self.fill)
        return jnp.pad(x, pads) if self.fill else x

    def each(self, step: Any, start: Any) -> Any:
        """Apply ``step`` to each tile of the keys in turn, as `lax.scan`. Return the last carried
        value, and the results of all tiles stacked along a new first axis.
        """
        if self.tiles == 1:
            carried, made = step(start, 0)
            return carried, None if made is None else tuple(a[None] for a in made)
        return lax.scan(step, start, jnp.arange(self.tiles))

    def _part(self, x: Any, tile: Any, axis: int) -> Any:
        return lax.dynamic_slice_in_dim(x, tile * self.size, self.size, x.ndim + axis)

    def keys(self, tile: Any) -> Any:
        return self._part(self._key, tile, -2)

    def values(self, tile: Any) -> Any:
        return self._part(self._value, tile, -2)

    def scores(self, tile: Any) -> Any:
        """Return the scores of all queries with the keys of a tile."""
        dtype = self.query.dtype
        scores = matmul(self.query, jnp.swapaxes(self.keys(tile), -1, -2)) * self.scale
        never = jnp.asarray(NEVER, dtype)
        number = tile * self.size + jnp.arange(self.size)
        if self.mask is not None:
            part = self._part(self.mask, tile, -1) if self.wide else self.mask
            scores = jnp.where(part, scores, never) if part.dtype == bool else scores + part
        if self.causal:
            own = jnp.arange(self.query.shape[-2])[:, None] + self.offset
            scores = jnp.where(own >= number, scores, never)
        if self.fill:
            scores = jnp.where(number < self.count, scores, -jnp.inf)
        return scores
