"""The expressions of ops in JAX and numpy, which are mostly alike."""

from __future__ import annotations

from nodeflow.integrations.code.dialect import (
    Call,
    Dialect,
    Expression,
    axes_text,
    channels_first_pads,
    literal,
    pair,
    permutation,
    tuple_text,
)
from nodeflow.integrations.code.numpy_and_jax import jax_helpers, numpy_helpers
from nodeflow.integrations.code.shared_ops import random_draws
from nodeflow.integrations.code.shared_ops.array_ops import (
    alike,
    bounds,
    ends_of,
    indexed_part,
    limited,
    reshaped,
    silu,
    sizes_text,
)
from nodeflow.integrations.code.shared_ops.training_phases import (
    NORMS,
    batch_norm,
    dropout,
    layer_norm,
)
from nodeflow.integrations.code.shared_ops.warping_helpers import (
    array_helpers,
    projective_transform,
)


def _table(module: str, library: str) -> dict[str, Expression]:
    """Return a dict from op id to the expression, or the function that writes the expression, for
    numpy or JAX.

    Args:
        module: ``np`` or ``jnp``.
        library: ``jax.nn.``, or empty for our own functions.
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
        return f"{module}.clip({', '.join((call.args[0], *bounds(call)))})"

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
            return f"{module}.split({call.args[0]}, {ends_of(parts)}, axis={call.attrs['axis']})"
        return f"{module}.split({call.args[0]}, {parts}, axis={call.attrs['axis']})"

    def range_(call: Call) -> str | None:
        if call.args:
            return None
        start, limit, delta = (call.attrs[name] for name in ("start", "limit", "delta"))
        first, last = (0, start) if limit is None else (start, limit)
        return f"{module}.arange({first}, {last}, {delta}, dtype={module}.{call.dtype})"

    def reshape(call: Call) -> str:
        return f"{call.args[0]}.reshape({reshaped(call, '{}')})"

    def pad(call: Call) -> str | None:
        attrs = call.attrs
        if not attrs["paddings"]:
            return call.args[0]
        pairs = tuple_text(tuple(map(tuple, attrs["paddings"])))
        if attrs["mode"] != "constant":
            return f'{module}.pad({call.args[0]}, {pairs}, mode="{attrs["mode"]}")'
        value = f", constant_values={literal(attrs['value'])}" if attrs["value"] else ""
        return f"{module}.pad({call.args[0]}, {pairs}{value})"

    def cumulative(function: str) -> Expression:
        def write(call: Call) -> str | None:
            plain = not call.attrs["exclusive"] and not call.attrs["reverse"]
            made = f"{module}.{function}({call.args[0]}, axis={call.attrs['axis']})"
            return made if plain else None

        return write

    def fill(call: Call) -> str:
        names = [port.name for port in call.node.op.inputs]
        value = dict(zip(names, call.args, strict=False)).get("value")
        written = literal(call.attrs["value"]) if value is None else value
        kind = f"{module}.{_type(call.dtype)}"
        return f"{module}.full({sizes_text(call, '{}')}, {written}, {kind})"

    def measure(text: str) -> Expression:
        """Return a function that writes the code of an integer array of sizes."""
        return lambda c: f"np.array({text.format(*c.args)}, np.{c.dtype})"

    def size(call: Call) -> str:
        axis = call.attrs["axis"]
        axes = [axis] if isinstance(axis, int) else list(axis or ())
        sizes = [f"{call.args[0]}.shape[{a}]" for a in axes]
        text = f"{call.args[0]}.size" if axis is None else " * ".join(sizes) or "1"
        return f"np.array({text}, np.{call.dtype})"

    def sort(call: Call) -> str:
        axis = call.attrs["axis"]
        made = f"{module}.sort({call.args[0]}, axis={axis})"
        return f"{module}.flip({made}, {axis})" if call.attrs["descending"] else made

    def argsort(call: Call) -> str | None:
        if call.attrs["descending"]:
            return None  # the result with NaN would differ
        more = ', kind="stable"' if module == "np" else ""
        made = f"{module}.argsort({call.args[0]}, axis={call.attrs['axis']}{more})"
        return f"{made}.astype({module}.{call.dtype})"

    def like_positions(call: Call) -> str:
        axis, kind = call.attrs["axis"], f"{module}.{call.dtype}"
        return f"{module}.arange({call.args[0]}.shape[{axis}], dtype={kind})"

    def unstack(call: Call) -> str:
        axis = call.attrs["axis"]
        return call.args[0] if not axis else f"{module}.moveaxis({call.args[0]}, {axis}, 0)"

    def reverse(call: Call) -> str:
        axis = call.attrs["axis"]
        text = "" if axis is None else f", {axes_text(axis, call.rank)}"
        return f"{module}.flip({call.args[0]}{text})"

    def eye(call: Call) -> str | None:
        attrs = call.attrs
        if attrs["batch_shape"]:
            return None
        columns = attrs["num_columns"] or attrs["num_rows"]
        kind = f"{module}.{call.dtype}"
        return f"{module}.eye({attrs['num_rows']}, {columns}, {attrs['offset']}, {kind})"

    def gather_nd(call: Call) -> str:
        dims = call.attrs["batch_dims"]
        return f"gather_nd({', '.join(call.args)}{f', {dims}' if dims else ''})"

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
        "reshape": reshape,
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
        "layers/layer_normalization": layer_norm,
        "silu": silu(None, f"{library}sigmoid"),
        "mish": f"{{0}} * {module}.tanh({library}softplus({{0}}))",
        "softsign": f"{{0}} / (1 + {module}.abs({{0}}))",
        "log_sigmoid": f"-{library}softplus(-{{0}})",
        **limited(module, "clip"),
        "clip": f"{module}.clip({{0}}, {{1}}, {{2}})",
        "projective_transform": projective_transform,
        "pad": pad,
        "tile": lambda c: f"{module}.tile({c.args[0]}, {sizes_text(c, '{}', 'multiples')})",
        "broadcast_to": lambda c: f"{module}.broadcast_to({c.args[0]}, {sizes_text(c, '{}')})",
        "fill": fill,
        "eye": eye,
        "shape": lambda c: f"np.array({c.args[0]}.shape, np.{c.attrs['out_type']})",
        "rank": measure("{0}.ndim"),
        "size": size,
        "positions": like_positions,
        "cumsum": cumulative("cumsum"),
        "cumprod": cumulative("cumprod"),
        "sort": sort,
        "argsort": argsort,
        "take_along_axis": lambda c: (
            f"{module}.take_along_axis({', '.join(c.args)}, {c.attrs['axis']})"
        ),
        "gather_nd": gather_nd,
        "unstack": unstack,
        "reverse": reverse,
        **dict.fromkeys(NORMS, batch_norm),
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


NUMPY = Dialect(
    "numpy",
    "numpy",
    {
        **_table("np", ""),
        **random_draws.NUMPY,
        "elu": "np.where({0} > 0, {0}, {alpha} * np.expm1(np.minimum({0}, 0)))",
        "stop_gradient": "{0}",
        "slice": lambda c: indexed_part(c, "part({0}, {1}, {sizes})"),
        "boolean_mask": lambda c: "{}[{}]".format(*c.args) if not c.attrs["axis"] else None,
        "dropout": dropout("dropout({x}, {rate}, rng, {phase})"),
    },
    numpy_helpers.HELPERS | array_helpers("np.ndarray", "np"),
)
JAX = Dialect(
    "jax",
    "JAX",
    {
        **_table("jnp", "jax.nn."),
        **random_draws.JAX,
        "relu": "jax.nn.relu({0})",  # because the gradient of maximum at 0 differs
        "relu6": "jax.nn.relu6({0})",
        "elu": "jax.nn.elu({0}, {alpha})",
        "celu": "jax.nn.celu({0}, {alpha})",
        "selu": "jax.nn.selu({0})",
        "silu": silu("jax.nn.silu", "jax.nn.sigmoid"),
        "mish": "jax.nn.mish({0})",
        "softsign": "jax.nn.soft_sign({0})",
        "log_sigmoid": "jax.nn.log_sigmoid({0})",
        "erf": "jax.lax.erf({0})",
        "rsqrt": "jax.lax.rsqrt({0})",
        "gelu": "jax.nn.gelu({0}, approximate=False)",
        "gelu_tanh": "jax.nn.gelu({0}, approximate=True)",
        "stop_gradient": "jax.lax.stop_gradient({0})",
        "slice": lambda c: indexed_part(c, "jax.lax.dynamic_slice({0}, {1}, {sizes})"),
        "reduce_logsumexp": lambda c: (
            f"jax.nn.logsumexp({c.args[0]}, {axes_text(c.attrs['axis'], c.rank)}, "
            f"keepdims={c.attrs['keepdims']})"
        ),
        "dropout": dropout("dropout({x}, {rate}, key, {number}, {phase})"),
    },
    jax_helpers.HELPERS | array_helpers("Array", "jnp"),
    moving=frozenset(NORMS),
    sizes=NUMPY,
)
