"""Ops as JAX writes them, and as numpy does: most of them alike."""

from __future__ import annotations

from nodeflow.exchange.code.array_ops import alike
from nodeflow.exchange.code.dialect import (
    Call,
    Dialect,
    Expression,
    axes_text,
    channels_first_pads,
    literal,
    pair,
    permutation,
)

JAX_HELPERS = {
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
def dropout(x: Array, rate: float, key: Array | None, number: int) -> Array:
    """Zero a share of the elements, and scale the others up; without a key, nothing."""
    if key is None:
        return x
    kept = jax.random.bernoulli(jax.random.fold_in(key, number), 1 - rate, x.shape)
    return jnp.where(kept, x / (1 - rate), 0)
''',
    "layer_norm": '''\
def layer_norm(x: Array, scale: Array, offset: Array, epsilon: float) -> Array:
    """Each row with mean 0 and variance 1, scaled and shifted."""
    mean = x.mean(-1, keepdims=True)
    variance = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(variance + epsilon) * scale + offset
''',
}
NUMPY_HELPERS = {
    "lstm": '''\
def lstm(
    x: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, ...]:
    """All outputs, and the last h and c; gates in the order i, f, g, o."""
    h = c = np.zeros((x.shape[0], recurrent.shape[0]), x.dtype)
    outputs = []
    for step in np.swapaxes(x @ kernel + bias, 0, 1):
        i, f, g, o = np.split(step + h @ recurrent, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1), h, c
''',
    "gru": '''\
def gru(
    x: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, ...]:
    """All outputs, and the last h; gates in the order z, r, n."""
    h = np.zeros((x.shape[0], recurrent.shape[0]), x.dtype)
    outputs = []
    for step in np.swapaxes(x @ kernel + bias, 0, 1):
        z, r, n = np.split(step, 3, axis=1)
        h_z, h_r, h_n = np.split(h @ recurrent, 3, axis=1)
        n = np.tanh(n + sigmoid(r + h_r) * h_n)
        h = n + sigmoid(z + h_z) * (h - n)
        outputs.append(h)
    return np.stack(outputs, axis=1), h
''',
    "conv2d": '''\
def conv2d(
    x: np.ndarray, kernel: np.ndarray, strides: tuple[int, int], padding: str
) -> np.ndarray:
    """A convolution of (n, height, width, channels) by (height, width, in, out)."""
    seen = windows(x, kernel.shape[:2], strides, padding, 0)
    return np.einsum("nhwcij,ijco->nhwo", seen, kernel, optimize=True)
''',
    "max_pool2d": '''\
def max_pool2d(
    x: np.ndarray, size: tuple[int, int], strides: tuple[int, int], padding: str
) -> np.ndarray:
    """The largest of each window of (n, height, width, channels)."""
    return windows(x, size, strides, padding, -np.inf).max(axis=(-2, -1))
''',
    "average_pool2d": '''\
def average_pool2d(
    x: np.ndarray, size: tuple[int, int], strides: tuple[int, int], padding: str
) -> np.ndarray:
    """The mean of each window of (n, height, width, channels)."""
    counted = windows(np.ones_like(x), size, strides, padding, 0).sum(axis=(-2, -1))
    return windows(x, size, strides, padding, 0).sum(axis=(-2, -1)) / counted
''',
    "windows": '''\
def windows(
    x: np.ndarray,
    size: tuple[int, int],
    strides: tuple[int, int],
    padding: str,
    value: float,
) -> np.ndarray:
    """The windows of pictures: (n, height, width, channels, *size)."""
    if padding == "SAME":
        before = []
        for length, width, step in zip(x.shape[1:3], size, strides, strict=True):
            total = max((-(-length // step) - 1) * step + width - length, 0)
            before.append((total // 2, total - total // 2))
        x = np.pad(x, ((0, 0), *before, (0, 0)), constant_values=value)
    seen = np.lib.stride_tricks.sliding_window_view(x, size, axis=(1, 2))
    return seen[:, :: strides[0], :: strides[1]]
''',
    "sigmoid": '''\
def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))
''',
    "log_softmax": '''\
def log_softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Logarithms of shares."""
    x = x - x.max(axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis, keepdims=True))
''',
    "softmax": '''\
def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """Shares that sum up to 1."""
    shares = np.exp(x - x.max(axis, keepdims=True))
    return shares / shares.sum(axis, keepdims=True)
''',
    "softplus": '''\
def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)), without overflow."""
    return np.logaddexp(x, 0)
''',
    "layer_norm": JAX_HELPERS["layer_norm"].replace("Array", "np.ndarray").replace("jnp.", "np."),
}
"""numpy has no networks; so it gets what they need."""


def _table(module: str, library: str) -> dict[str, Expression]:
    """The ops of numpy or JAX.

    Args:
        module: ``np`` or ``jnp``.
        library: ``jax.nn.``, or nothing for our own functions.
    """

    def reduced(function: str) -> Expression:
        def write(call: Call) -> str:
            keep = ", keepdims=True" if call.attrs["keepdims"] else ""
            axis = call.attrs["axis"]
            text = "" if axis is None else f", axis={axes_text(axis, call.rank)}"
            return f"{module}.{function}({call.args[0]}{text}{keep})"

        return write

    def joined(function: str) -> Expression:
        return lambda c: f"{module}.{function}([{', '.join(c.args)}], axis={c.attrs['axis']})"

    def found(function: str) -> Expression:
        def write(call: Call) -> str:
            keep = ", keepdims=True" if call.attrs["keepdims"] else ""
            return f"{module}.{function}({call.args[0]}, axis={call.attrs['axis']}{keep})"

        return write

    def matmul(call: Call) -> str | None:
        if any(len(t.shape) < 2 for t in call.node.inputs):
            return None
        x, y = (
            f"{module}.swapaxes({arg}, -1, -2)" if call.attrs[f"transpose_{name}"] else arg
            for name, arg in zip("xy", call.args, strict=True)
        )
        return f"{x} @ {y}"

    def clip(call: Call) -> str:
        low, high = (literal(call.attrs[name]) for name in ("min", "max"))
        return f"{module}.clip({call.args[0]}, {low}, {high})"

    def conv2d(call: Call) -> str | None:
        attrs = call.attrs
        pads = channels_first_pads(call, True) if module == "jnp" else None
        if pads is not None:
            how = f"{pair(attrs['strides'])}, {pads}, {pair(attrs['dilations'])}"
            return f"conv2d_nchw({', '.join(call.args)}, {how}, {attrs['groups']})"
        layouts = (attrs["layout"], attrs["filter_layout"], attrs["pads"], attrs["groups"])
        if layouts != ("NHWC", "HWIO", None, 1) or pair(attrs["dilations"]) != (1, 1):
            return None
        strides, padding = pair(attrs["strides"]), attrs["padding"].upper()
        return f'conv2d({", ".join(call.args)}, {strides}, "{padding}")'

    def pool(function: str) -> Expression:
        def write(call: Call) -> str | None:
            attrs, size = call.attrs, pair(call.attrs["size"])
            if pair(attrs["dilations"]) != (1, 1) or attrs["ceil_mode"]:
                return None
            pads = channels_first_pads(call, False) if module == "jnp" else None
            if pads is not None and function == "max_pool2d":
                how = f"{size}, {pair(attrs['strides'] or size)}, {pads}"
                return f"max_pool2d_nchw({call.args[0]}, {how})"
            if attrs["layout"] != "NHWC" or attrs["pads"] is not None:
                return None
            strides, padding = pair(attrs["strides"] or size), attrs["padding"].upper()
            return f'{function}({call.args[0]}, {size}, {strides}, "{padding}")'

        return write

    def recurrent(function: str) -> Expression:
        def write(call: Call) -> str | None:
            plain = len(call.args) == 4 and not call.attrs["reverse"]
            return f"{function}({', '.join(call.args)})" if plain else None

        return write

    def one_hot(call: Call) -> str | None:
        attrs = call.attrs
        plain = (attrs["on_value"], attrs["off_value"], attrs["axis"]) == (1, 0, -1)
        if len(call.args) > 1 or not plain:
            return None
        numbers = f"{module}.arange({attrs['depth']})"
        return f"({call.args[0]}[..., None] == {numbers}).astype({module}.{_type(call.dtype)})"

    def split(call: Call) -> str:
        parts = call.attrs["parts"]
        if not isinstance(parts, int):
            ends = [sum(parts[: n + 1]) for n in range(len(parts) - 1)]
            return f"{module}.split({call.args[0]}, {ends}, axis={call.attrs['axis']})"
        return f"{module}.split({call.args[0]}, {parts}, axis={call.attrs['axis']})"

    def layer_norm(call: Call) -> str | None:
        plain = call.attrs["axis"] in (-1, (-1,)) and len(call.args) == 3
        inputs = ", ".join(call.args)
        return f"layer_norm({inputs}, {call.attrs['epsilon']})" if plain else None

    def range_(call: Call) -> str | None:
        start, limit, delta = (call.attrs[name] for name in ("start", "limit", "delta"))
        first, last = (0, start) if limit is None else (start, limit)
        made = f"{module}.arange({first}, {last}, {delta}, dtype={module}.{call.dtype})"
        return None if call.args else made

    return {
        **alike(module),
        "constant": lambda c: f"{module}.array({literal(c.attrs['value'])}, {module}.{c.dtype})",
        "cast": lambda c: (
            f"{c.args[0]}.astype({module}.{'bool_' if c.dtype == 'bool' else c.dtype})"
        ),
        "matmul": matmul,
        "reduce_sum": reduced("sum"),
        "reduce_mean": reduced("mean"),
        "reduce_max": reduced("max"),
        "reduce_min": reduced("min"),
        "reduce_prod": reduced("prod"),
        "reduce_all": reduced("all"),
        "reduce_any": reduced("any"),
        "argmax": found("argmax"),
        "argmin": found("argmin"),
        "rsqrt": f"1.0 / {module}.sqrt({{0}})",
        "clip_by_value": clip,
        "relu": f"{module}.maximum({{0}}, 0)",
        "relu6": f"{module}.clip({{0}}, 0, 6)",
        "sigmoid": f"{library}sigmoid({{0}})",
        "softmax": f"{library}softmax({{0}}, axis={{axis}})",
        "log_softmax": f"{library}log_softmax({{0}}, axis={{axis}})",
        "softplus": f"{library}softplus({{0}})",
        "leaky_relu": f"{module}.where({{0}} > 0, {{0}}, {{alpha}} * {{0}})",
        "reshape": lambda c: (
            f"{c.args[0]}.reshape({_listed(c.attrs['shape']) or '()'})"
            if len(c.args) == 1
            else None
        ),
        "flatten": "{0}.reshape({0}.shape[0], -1)",
        "transpose": lambda c: f"{c.args[0]}.transpose({_listed(permutation(c))})",
        "range": range_,
        "expand_dims": lambda c: (
            f"{module}.expand_dims({c.args[0]}, {axes_text(c.attrs['axis'], c.rank)})"
        ),
        "squeeze": lambda c: f"{module}.squeeze({c.args[0]}, {axes_text(c.attrs['axis'], c.rank)})",
        "concat": joined("concatenate"),
        "stack": joined("stack"),
        "split": split,
        "gather": lambda c: f"{module}.take({', '.join(c.args)}, axis={c.attrs['axis']})",
        "embedding_lookup": "{0}[{1}]",
        "one_hot": one_hot,
        "conv2d": conv2d,
        "max_pool2d": pool("max_pool2d"),
        "average_pool2d": pool("average_pool2d"),
        "lstm": recurrent("lstm"),
        "gru": recurrent("gru"),
        "layer_normalization": layer_norm,
        "softmax_cross_entropy_with_logits": (f"-({{0}} * {library}log_softmax({{1}})).sum(-1)"),
        "sparse_softmax_cross_entropy": (
            f"-{module}.take_along_axis({library}log_softmax({{1}}), {{0}}[..., None], -1)[..., 0]"
        ),
        "sigmoid_cross_entropy_with_logits": (f"{library}softplus({{1}}) - {{0}} * {{1}}"),
        "mean_squared_error": f"{module}.square({{0}} - {{1}}).mean()",
    }


def _type(dtype: str) -> str:
    return "bool_" if dtype == "bool" else dtype


def _listed(values: object) -> str:
    return ", ".join(map(str, values))  # type: ignore[call-overload]


def _dropped(call: Call) -> str | None:
    if len(call.args) > 1 or call.attrs["noise_shape"] is not None:
        return None
    return f"dropout({call.args[0]}, {call.attrs['rate']}, key, {call.node.index})"


JAX = Dialect(
    "jax",
    "JAX",
    {
        **_table("jnp", "jax.nn."),
        "relu": "jax.nn.relu({0})",  # the gradient of maximum at 0 is another one
        "relu6": "jax.nn.relu6({0})",
        "elu": "jax.nn.elu({0}, {alpha})",
        "selu": "jax.nn.selu({0})",
        "gelu": "jax.nn.gelu({0}, approximate=False)",
        "reduce_logsumexp": lambda c: (
            f"jax.nn.logsumexp({c.args[0]}, {axes_text(c.attrs['axis'], c.rank)}, "
            f"keepdims={c.attrs['keepdims']})"
        ),
        "dropout": _dropped,
    },
    JAX_HELPERS,
)
NUMPY = Dialect(
    "numpy",
    "numpy",
    {
        **_table("np", ""),
        "elu": "np.where({0} > 0, {0}, {alpha} * np.expm1(np.minimum({0}, 0)))",
        "dropout": lambda c: c.args[0],
    },
    NUMPY_HELPERS,
)
