"""Helper functions in JAX programs, for ops that need more than one expression."""

from __future__ import annotations

HELPERS = {
    "lstm": '''\
def lstm(x: Array, kernel: Array, recurrent: Array, bias: Array) -> tuple[Array, ...]:
    """All outputs, and the last h and c; gates in the order i, f, g, o."""

    def step(carried: tuple[Array, Array], given: Array) -> tuple:
        h, c = carried
        i, f, g, o = jnp.split(given + h @ recurrent, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zero = jnp.zeros((x.shape[0], recurrent.shape[0]), x.dtype)
    steps = jnp.swapaxes(x @ kernel + bias, 0, 1)
    (h, c), outputs = jax.lax.scan(step, (zero, zero), steps)
    return jnp.swapaxes(outputs, 0, 1), h, c
''',
    "gru": '''\
def gru(x: Array, kernel: Array, recurrent: Array, bias: Array) -> tuple[Array, ...]:
    """All outputs, and the last h; gates in the order z, r, n."""

    def step(h: Array, given: Array) -> tuple[Array, Array]:
        z, r, n = jnp.split(given, 3, axis=1)
        h_z, h_r, h_n = jnp.split(h @ recurrent, 3, axis=1)
        n = jnp.tanh(n + jax.nn.sigmoid(r + h_r) * h_n)
        h = n + jax.nn.sigmoid(z + h_z) * (h - n)
        return h, h

    zero = jnp.zeros((x.shape[0], recurrent.shape[0]), x.dtype)
    h, outputs = jax.lax.scan(step, zero, jnp.swapaxes(x @ kernel + bias, 0, 1))
    return jnp.swapaxes(outputs, 0, 1), h
''',
    "conv2d": '''\
def conv2d(x: Array, kernel: Array, strides: tuple[int, int], padding: str) -> Array:
    """A convolution of (n, height, width, channels) by (height, width, in, out)."""
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        x, kernel, strides, padding, dimension_numbers=layout
    )
''',
    "conv2d_nchw": '''\
def conv2d_nchw(
    x: Array,
    kernel: Array,
    strides: tuple[int, int],
    pads: tuple[tuple[int, int], ...],
    dilations: tuple[int, int],
    groups: int,
) -> Array:
    """A convolution of (n, channels, height, width) by (out, in, height, width)."""
    return jax.lax.conv_general_dilated(
        x, kernel, strides, pads, rhs_dilation=dilations, feature_group_count=groups
    )
''',
    "max_pool2d_nchw": '''\
def max_pool2d_nchw(
    x: Array,
    size: tuple[int, int],
    strides: tuple[int, int],
    pads: tuple[tuple[int, int], ...],
) -> Array:
    """The largest of each window of (n, channels, height, width)."""
    window, steps, around = (1, 1, *size), (1, 1, *strides), ((0, 0), (0, 0), *pads)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, steps, around)
''',
    "max_pool2d": '''\
def max_pool2d(
    x: Array, size: tuple[int, int], strides: tuple[int, int], padding: str
) -> Array:
    """The largest of each window of (n, height, width, channels)."""
    window, steps = (1, *size, 1), (1, *strides, 1)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, steps, padding)
''',
    "average_pool2d": '''\
def average_pool2d(
    x: Array, size: tuple[int, int], strides: tuple[int, int], padding: str
) -> Array:
    """The mean of each window of (n, height, width, channels)."""
    window, steps = (1, *size, 1), (1, *strides, 1)
    sums = jax.lax.reduce_window(x, 0.0, jax.lax.add, window, steps, padding)
    ones = jnp.ones_like(x)
    return sums / jax.lax.reduce_window(ones, 0.0, jax.lax.add, window, steps, padding)
''',
    "dropout": '''\
def dropout(
    x: Array, rate: float, key: Array | None, number: int, training: bool
) -> Array:
    """In training, zero a share of the elements, and scale the others up."""
    if not training:
        return x
    kept = jax.random.bernoulli(jax.random.fold_in(key, number), 1 - rate, x.shape)
    return jnp.where(kept, x / (1 - rate) if rate < 1 else 0, 0)
''',
    "batch_norm": '''\
def batch_norm(
    x: Array,
    scale: Array | float,
    offset: Array | float,
    moving_mean: Array,
    moving_variance: Array,
    momentum: float,
    epsilon: float,
    training: bool,
    axis: int = -1,
    unbiased: bool = False,
) -> tuple[Array, Array, Array]:
    """Normalize each feature; returns the new moving averages, too."""
    mean, variance = moving_mean, moving_variance
    if training:
        others = [n for n in range(x.ndim) if n != axis % x.ndim]
        mean, variance = x.mean(others), x.var(others)
        rows = x.size / mean.size
        target = variance * rows / max(rows - 1, 1) if unbiased else variance
        kept = moving_mean.shape
        moving_mean += (1 - momentum) * (mean.reshape(kept) - moving_mean)
        moving_variance += (1 - momentum) * (target.reshape(kept) - moving_variance)
    shape = [-1 if n == axis % x.ndim else 1 for n in range(x.ndim)]
    mean, variance = mean.reshape(shape), variance.reshape(shape)
    scale, offset = jnp.reshape(scale, shape), jnp.reshape(offset, shape)
    factor = jax.lax.rsqrt(variance + epsilon) * scale
    return (x - mean) * factor + offset, moving_mean, moving_variance
''',
    "gather_nd": '''\
def gather_nd(x: Array, indices: Array, batch_dims: int = 0) -> Array:
    """The slices of x that the last axis of the indices names."""
    if batch_dims:
        return jax.vmap(lambda *one: gather_nd(*one, batch_dims - 1))(x, indices)
    return x[tuple(jnp.moveaxis(indices, -1, 0))]
''',
    "layer_norm": '''\
def layer_norm(x: Array, scale: Array, offset: Array, epsilon: float) -> Array:
    """Each row with mean 0 and variance 1, scaled and shifted."""
    mean = x.mean(-1, keepdims=True)
    variance = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(variance + epsilon) * scale + offset
''',
}
