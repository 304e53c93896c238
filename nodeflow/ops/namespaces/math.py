"""`nf.math`: TensorFlow 1's names of functions that are at the root here, or in `nf.nn`."""

from nodeflow.namespaces import spelled

_SAME = (
    *("abs", "acos", "acosh", "add", "add_n", "angle", "argmax", "argmin", "asin", "asinh"),
    *("atan", "atan2", "atanh", "bessel_i0", "bessel_i0e", "bessel_i1", "bessel_i1e"),
    *("betainc", "bincount", "ceil", "confusion_matrix", "conj", "cos", "cosh"),
    *("count_nonzero", "cumprod", "cumsum", "digamma", "divide", "divide_no_nan", "equal"),
    *("erf", "erfc", "erfcinv", "erfinv", "exp", "expm1", "floor", "greater", "greater_equal"),
    *("igamma", "igammac", "imag", "invert_permutation", "is_finite", "is_inf", "is_nan"),
    *("is_non_decreasing", "is_strictly_increasing", "l2_normalize", "lbeta", "less"),
    *("less_equal", "lgamma", "log", "log1p", "log_sigmoid", "log_softmax", "logical_and"),
    *("logical_not", "logical_or", "logical_xor", "maximum", "minimum", "multiply"),
    *("multiply_no_nan", "negative", "not_equal", "polygamma", "polyval", "real"),
    *("reciprocal", "reciprocal_no_nan", "reduce_all", "reduce_any", "reduce_euclidean_norm"),
    *("reduce_logsumexp", "reduce_max", "reduce_mean", "reduce_min", "reduce_prod"),
    *("reduce_std", "reduce_sum", "reduce_variance", "round", "rsqrt", "scalar_mul"),
    *("segment_max", "segment_mean", "segment_min", "segment_prod", "segment_sum", "sigmoid"),
    *("sign", "sin", "sinh", "softmax", "softplus", "softsign", "sqrt", "square"),
    *("squared_difference", "subtract", "tan", "tanh", "unsorted_segment_max"),
    *("unsorted_segment_mean", "unsorted_segment_min", "unsorted_segment_prod"),
    *("unsorted_segment_sqrt_n", "unsorted_segment_sum", "zeta"),
)

NAMES = {
    **{name: name for name in _SAME},
    "accumulate_n": "add_n",
    "cumulative_logsumexp": "logcumsumexp",
    "floordiv": "floor_divide",
    "floormod": "modulo",
    "in_top_k": "nn.in_top_k",
    "mod": "modulo",
    "pow": "power",
    "rint": "round",
    "top_k": "nn.top_k",
    "truediv": "divide",
    "zero_fraction": "nn.zero_fraction",
}
"""TensorFlow 1's name -> nodeflow's name, without ``nf.``."""

__getattr__, __dir__ = spelled(__name__, NAMES, "nf.math")
