"""nodeflow: build, see and train dataflow graphs. ``import nodeflow as nf``.

Every op is a function here (``nf.matmul``, ``nf.relu``); ``dir(nodeflow)`` lists them. Modules are
imported when one of their names is first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

__version__ = "0.1.0"

_TYPES = {
    **dict.fromkeys(("DType", "as_dtype"), "nodeflow.graph.dtype_objects"),
    **dict.fromkeys(
        ("Graph", "Node", "Tensor", "get_default_graph", "reset_default_graph"),
        "nodeflow.graph.graph",
    ),
    **dict.fromkeys(("DTYPES", "TensorType"), "nodeflow.graph.types"),
    "NodeflowError": "nodeflow.errors",
    "REGISTRY": "nodeflow.graph.registry",
}
_BUILDING = (
    *("clip_by_value", "constant", "control_dependencies", "device", "fill", "gradients"),
    *("group", "name_scope", "ones", "placeholder", "variable", "zeros"),
)
_CONTROL_FLOW = ("case", "cond", "foldl", "foldr", "map_fn", "scan", "while_loop")
_DYNAMIC = ("dynamic_partition", "size", "unique", "where")
_RANDOM = ("random_normal", "random_uniform", "truncated_normal")
_COLLECTIONS = (
    *("GraphKeys", "add_to_collection", "add_to_collections", "get_collection"),
    *("get_collection_ref", "global_variables", "local_variables", "model_variables"),
    *("moving_average_variables", "trainable_variables"),
)
_VARIABLES = (
    *("AUTO_REUSE", "Variable", "VariableScope", "get_local_variable", "get_variable"),
    *("get_variable_scope", "variable_scope"),
)
_INITIALIZERS = (
    *("constant_initializer", "glorot_normal_initializer", "glorot_uniform_initializer"),
    *("identity_initializer", "ones_initializer", "orthogonal_initializer"),
    *("random_normal_initializer", "random_uniform_initializer", "truncated_normal_initializer"),
    *("uniform_unit_scaling_initializer", "variance_scaling_initializer", "zeros_initializer"),
)
_ARRAYS = (
    *("argsort", "broadcast_dynamic_shape", "broadcast_static_shape", "einsum", "ensure_shape"),
    *("identity_n", "invert_permutation", "newaxis", "ones_like", "pad", "parallel_stack"),
    *("reverse_sequence", "sequence_mask", "setdiff1d", "shape_n", "sort", "split"),
    *("strided_slice", "unravel_index", "zeros_like"),
)
_DRAWS = ("categorical", "get_seed", "multinomial", "random_gamma", "random_poisson")
_LINEAR = (
    *("adjoint", "cholesky_solve", "diag", "diag_part", "inverse", "lu_matrix_inverse"),
    *("lu_reconstruct", "lu_solve", "matrix_diag", "matrix_diag_part", "matrix_set_diag"),
    *("matrix_solve_ls", "matrix_transpose", "normalize_by_norm", "qr", "self_adjoint_eigvals"),
    "svd",
)
_MATHS = (
    *(
        "arg_max",
        "arg_min",
        "argmax",
        "argmin",
        "bincount",
        "confusion_matrix",
        "count_nonzero",
        "cross",
        "div",
    ),
    *("is_non_decreasing", "is_strictly_increasing", "lbeta", "linspace", "matmul", "norm"),
    *("polyval", "reciprocal_no_nan", "reduce_euclidean_norm", "scalar_mul"),
    *("sparse_matmul", "tensordot", "to_double", "to_float", "to_int32", "to_int64"),
)
_SCATTER = (
    *("batch_scatter_update", "scatter_add", "scatter_div", "scatter_max", "scatter_min"),
    *("scatter_mul", "scatter_nd_add", "scatter_nd_sub", "scatter_nd_update", "scatter_sub"),
    "scatter_update",
)
_SEGMENTS = (
    *("segment_max", "segment_mean", "segment_min", "segment_prod", "segment_sum"),
    *("sparse_segment_mean", "sparse_segment_sqrt_n", "sparse_segment_sum"),
    *("unsorted_segment_max", "unsorted_segment_mean", "unsorted_segment_min"),
    *("unsorted_segment_prod", "unsorted_segment_sqrt_n", "unsorted_segment_sum"),
)
_SLICES = (
    *("batch_gather", "boolean_mask", "dynamic_stitch", "gather", "gather_nd"),
    *("histogram_fixed_width_bins", "scatter_nd", "sparse_to_dense", "tensor_scatter_nd_add"),
    *("tensor_scatter_nd_max", "tensor_scatter_nd_min", "tensor_scatter_nd_sub"),
    "tensor_scatter_nd_update",
)
_TRAINING = (
    *("assign_add", "assign_sub", "clip_by_average_norm", "clip_by_global_norm", "clip_by_norm"),
    "global_norm",
)

_PICTURES = ("batch_to_space", "extract_image_patches", "space_to_batch")

_INITIALIZE = (
    *("global_variables_initializer", "initialize_all_variables", "initialize_local_variables"),
    *("initialize_variables", "is_variable_initialized", "local_variables_initializer"),
    *("report_uninitialized_variables", "tables_initializer", "variables_initializer"),
)
_ASSERTION = (
    *("Assert", "assert_equal", "assert_greater", "assert_greater_equal", "assert_less"),
    *("assert_less_equal", "assert_near", "assert_negative", "assert_non_negative"),
    *("assert_non_positive", "assert_none_equal", "assert_positive"),
)
_STATIC_CHECKS = (
    *("assert_integer", "assert_rank", "assert_rank_at_least", "assert_rank_in"),
    *("assert_scalar", "assert_type", "is_numeric_tensor"),
)
_MORE_CHECKS = (
    *("add_check_numerics_ops", "assert_proper_iterable", "assert_same_float_dtype"),
    *("assert_shapes", "assert_variables_initialized", "is_tensor", "verify_tensor_all_finite"),
)
_BASICS = (
    *("convert_to_tensor", "no_op", "placeholder_with_default", "set_random_seed"),
    "tuple",
)

LAZY = {
    **_TYPES,
    **dict.fromkeys(_BUILDING, "nodeflow.ops.api"),
    **dict.fromkeys(_CONTROL_FLOW, "nodeflow.ops.control_flow.api"),
    **dict.fromkeys(_DYNAMIC, "nodeflow.ops.dynamic.api"),
    **dict.fromkeys(_RANDOM, "nodeflow.ops.distributions.api"),
    "attention": "nodeflow.ops.attention.api",
    "dropout": "nodeflow.ops.distributions.dropout",
    "errors": "nodeflow.errors",
    "functions": "nodeflow.ops.functions",
    **dict.fromkeys(_TRAINING, "nodeflow.ops.training.clipping"),
    **dict.fromkeys(_COLLECTIONS, "nodeflow.ops.variables.collections"),
    **dict.fromkeys(_VARIABLES, "nodeflow.ops.variables.scope"),
    "Template": "nodeflow.ops.variables.template",
    "make_template": "nodeflow.ops.variables.template",
    **dict.fromkeys(_INITIALIZERS, "nodeflow.ops.variables.initializers"),
    **dict.fromkeys(_ARRAYS, "nodeflow.ops.namespaces.arrays"),
    **dict.fromkeys(_DRAWS, "nodeflow.ops.namespaces.draws"),
    **dict.fromkeys(_LINEAR, "nodeflow.ops.namespaces.linear"),
    **dict.fromkeys(_MATHS, "nodeflow.ops.namespaces.maths"),
    **dict.fromkeys(("meshgrid", "one_hot", "range"), "nodeflow.ops.namespaces.numbers"),
    **dict.fromkeys(_SCATTER, "nodeflow.ops.variables.scatter"),
    **dict.fromkeys(_SEGMENTS, "nodeflow.ops.namespaces.segments"),
    **dict.fromkeys(_SLICES, "nodeflow.ops.namespaces.slices"),
    "Print": "nodeflow.ops.program.printing",
    "py_func": "nodeflow.ops.program.py_func",
    **dict.fromkeys(_INITIALIZE, "nodeflow.ops.program.initialize"),
    **dict.fromkeys(_ASSERTION, "nodeflow.ops.program.assertion"),
    **dict.fromkeys(_STATIC_CHECKS, "nodeflow.ops.program.static_checks"),
    **dict.fromkeys(_MORE_CHECKS, "nodeflow.ops.program.more_checks"),
    **dict.fromkeys(_BASICS, "nodeflow.ops.program.basics"),
    **dict.fromkeys(_PICTURES, "nodeflow.ops.namespaces.image"),
    "ConfigProto": "nodeflow.engine.config",
    "GPUOptions": "nodeflow.engine.config",
    "InteractiveSession": "nodeflow.engine.session",
    "RunMetadata": "nodeflow.engine.timeline",
    "RunOptions": "nodeflow.engine.timeline",
    "Session": "nodeflow.engine.session",
    "TensorArray": "nodeflow.ops.control_flow.tensor_array",
    "data": "nodeflow.data",
    "DocumentBuilder": "nodeflow.document.io.builder",
    "get_default_session": "nodeflow.graph.session_hooks.default_session",
    "initializers": "nodeflow.ops.variables.initializers",
    "image": "nodeflow.ops.namespaces.image",
    "layers": "nodeflow.ops.layers.api",
    "linalg": "nodeflow.ops.namespaces.linalg",
    "losses": "nodeflow.ops.namespaces.losses",
    "math": "nodeflow.ops.namespaces.math",
    "nn": "nodeflow.ops.namespaces.nn",
    "load": "nodeflow.document.to_graph.save_and_load",
    "load_plugins": "nodeflow.ops.user",
    "op": "nodeflow.ops.user",
    "random": "nodeflow.ops.namespaces.random",
    "runs": "nodeflow.run_store.api",
    "save": "nodeflow.document.to_graph.save_and_load",
    "signal": "nodeflow.ops.namespaces.signal",
    "spectral": "nodeflow.ops.namespaces.signal",
    "summary": "nodeflow.summary",
    "train": "nodeflow.train",
}
"""The module that defines each public name."""

MODULES = {
    *("data", "image", "initializers", "layers", "linalg", "losses", "math", "nn", "random"),
    *("signal", "spectral", "summary", "train"),
}
"""The names that are namespaces."""

_WHOLE = {*MODULES, "errors", "functions"}

# The names that `from nodeflow import *` imports. Ops are left out, because `abs`, `print` and
# others would hide Python's own functions.
__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    *(*_TYPES, *_BUILDING, *_CONTROL_FLOW, *_DYNAMIC, *_RANDOM),
    *("attention", "dropout", "errors", "functions"),
]


def __getattr__(name: str) -> Any:
    # Tools look up names that begin with _. For a module, Python imports it after this error.
    if name.startswith("_") or (name not in LAZY and find_spec(f"{__name__}.{name}")):
        raise AttributeError(name)
    from nodeflow.graph.dtype_objects import OBJECTS
    from nodeflow.graph.registry import REGISTRY
    from nodeflow.public import public

    if name in LAZY:
        module = import_module(LAZY[name])
        value = module if name in _WHOLE else public(getattr(module, name))
    elif name in OBJECTS:
        value = OBJECTS[name]
    elif name in REGISTRY:
        value = public(getattr(import_module("nodeflow.ops.functions"), name))
        if REGISTRY.lookup(name).own:
            return value  # not cached, because the user may redefine the op
    else:
        raise AttributeError(_unknown(name))
    globals()[name] = value
    return value


def _unknown(name: str) -> str:
    """Return the error text for an unknown name, with the name in nodeflow if known."""
    from nodeflow.errors import suggest
    from nodeflow.foreign_names.answers import exists_in, hint

    known = hint(name, exists_in(sys.modules[__name__])) or suggest(name, __dir__())
    text = f"module 'nodeflow' has no attribute {name!r}"
    return f"{text}. {known}" if known else text


def __dir__() -> list[str]:
    from nodeflow.graph.dtype_objects import OBJECTS
    from nodeflow.graph.registry import REGISTRY

    functions = (op.id for op in REGISTRY if op.call_name.isidentifier())  # no layers
    return sorted({*LAZY, *OBJECTS, *functions, "__version__"})
