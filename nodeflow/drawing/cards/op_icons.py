"""The icon of each op: a mathematical glyph if there is one, else the icon of its category."""

from __future__ import annotations

from nodeflow.drawing import text_layout as texts

GLYPHS = {
    "add": "+",
    "subtract": "−",
    "multiply": "×",
    "divide": "÷",
    "floor_divide": "//",
    "modulo": "mod",
    "power": "xʸ",
    "negative": "−x",
    "abs": "|x|",
    "sign": "±",
    "square": "x²",
    "sqrt": "√",
    "rsqrt": "1/√",
    "exp": "eˣ",
    "log": "ln",
    "log1p": "ln1",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "tanh": "tanh",
    "erf": "erf",
    "erfc": "erfc",
    "maximum": "max",
    "minimum": "min",
    "floor": "⌊x⌋",
    "ceil": "⌈x⌉",
    "round": "≈",
    "equal": "=",
    "not_equal": "≠",
    "less": "<",
    "less_equal": "≤",
    "greater": ">",
    "greater_equal": "≥",
    "logical_and": "and",
    "logical_or": "or",
    "logical_not": "not",
    "reduce_sum": "Σ",
    "reduce_prod": "Π",
    "reduce_mean": "x̄",
    "reduce_max": "max",
    "reduce_min": "min",
    "argmax": "arg",
    "argmin": "arg",
    "gradients": "∂",
    "one_hot": "0 1",
    "zeros_like": "0",
    "ones_like": "1",
}

ICONS = {
    "flow/branch": "git-branch",
    "subgraph": "package",
    "subgraph_inputs": "log-in",
    "subgraph_outputs": "log-out",
    "constant": "hash",
    "variable": "variable",
    "placeholder": "log-in",
    "dataset": "database",
    "matmul": "grid-3x3",
    "transpose": "refresh-cw",
    "reshape": "box",
    "expand_dims": "layers",
    "squeeze": "layers",
    "concat": "combine",
    "split": "split",
    "slice": "scissors",
    "strided_slice": "scissors",
    "size": "hash",
    "gather": "filter",
    "tile": "boxes",
    "pad": "frame",
    "broadcast_to": "maximize",
    "where": "git-branch",
    "clip_by_value": "ruler",
    "cast": "type",
    "flatten": "list",
    "layers/dense": "network",
    "layers/conv1d": "scan",
    "layers/conv2d": "scan",
    "layers/conv3d": "scan",
    "layers/conv1d_transpose": "maximize",
    "layers/conv2d_transpose": "maximize",
    "layers/conv3d_transpose": "maximize",
    "layers/separable_conv1d": "scan",
    "layers/depthwise_conv2d": "scan",
    "layers/batch_normalization": "sliders-horizontal",
    "layers/layer_normalization": "sliders-horizontal",
    "layers/embedding": "table",
    "layers/rnn": "refresh-cw",
    "layers/gru": "refresh-cw",
    "layers/lstm": "refresh-cw",
    "layers/multi_head_attention": "eye",
    "layers/transformer_block": "workflow",
    "layers/residual_dense": "git-merge",
    "layers/residual_conv": "git-merge",
    "dropout": "dices",
    "layers/random_brightness": "sun",
    "layers/random_contrast": "palette",
    "layers/random_crop": "scissors",
    "layers/random_flip": "images",
    "layers/random_rotation": "rotate-ccw",
    "layers/random_translation": "move",
    "layers/random_zoom": "zoom-in",
    "resize": "maximize",
    "interpolate": "maximize",
    "rotate": "rotate-ccw",
    "rot90": "rotate-ccw",
    "adjust_brightness": "sun",
    "adjust_contrast": "palette",
    "rgb_to_grayscale": "palette",
    "max_pool1d": "filter",
    "max_pool2d": "filter",
    "average_pool1d": "filter",
    "average_pool2d": "filter",
    "max_pool3d": "filter",
    "average_pool3d": "filter",
    "global_average_pool": "filter",
    "global_max_pool": "filter",
    "range": "list-ordered",
    "fill": "square",
    "relu": "activity",
    "leaky_relu": "activity",
    "elu": "activity",
    "gelu": "activity",
    "sigmoid": "chart-spline",
    "softplus": "chart-spline",
    "softmax": "chart-column",
    "log_softmax": "chart-column",
    "assign": "arrow-left",
    "group": "group",
    "identity": "arrow-right",
    "stop_gradient": "circle-x",
    "print": "terminal",
    "gradient_descent": "trending-down",
    "momentum": "trending-down",
    "adam": "trending-down",
}

CATEGORY_ICONS = {
    "inputs": "log-in",
    "data": "database",
    "math": "calculator",
    "matrix": "grid-3x3",
    "neural network": "brain",
    "layers": "network",
    "reduction": "sigma",
    "shape": "box",
    "pictures": "image",
    "signal": "activity",
    "comparison": "equal",
    "loss": "target",
    "metric": "gauge",
    "random": "dices",
    "training": "trending-down",
    "utility": "settings",
    "flow/branch": "git-branch",
    "subgraph": "package",
    "library": "package",
    "internal": "cpu",
    "control flow": "refresh-cw",
    "unknown": "circle-help",
}

_SIZES = {1: 20.0, 2: 14.5, 3: 11.0}


def glyph_of(op: str, side: float, scale: float = 1.0) -> tuple[str, texts.Style] | None:
    """Return the glyph (a short text that stands for an op) and its text style, sized to fit a
    square of this side.

    Return None to draw an icon instead: if the op has no glyph, or a legible glyph is too large.

    Args:
        scale: pixels of the screen per unit of the side.
    """
    glyph = GLYPHS.get(op)
    if glyph is None:
        return None
    drawn = (round(_SIZES.get(len(glyph), 9.5) * side / 28, 1), 600, False)
    style = texts.legible(drawn, scale)
    return (glyph, style) if style == drawn or texts.width(glyph, style) <= side else None


def icon_of(op: str, category: str) -> str:
    """Return the name of the bundled icon of an op, for ops that have no glyph."""
    own = CATEGORY_ICONS.get(category.lower(), "box")
    is_loop = op == "subgraph" and category.lower() == "control flow"
    return own if is_loop else ICONS.get(op, own)
