"""nodeflow: build, see and train dataflow graphs. ``import nodeflow as nf``.

Every op is a function here (``nf.matmul``, ``nf.relu``); ``dir(nodeflow)`` lists them. What is
heavy (the engine, documents) is imported when it is first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from nodeflow import errors
from nodeflow.errors import NodeflowError
from nodeflow.graph.dtypes import OBJECTS, DType, as_dtype
from nodeflow.graph.graph import Graph, Node, Tensor, get_default_graph, reset_default_graph
from nodeflow.graph.types import DTYPES, TensorType
from nodeflow.ops import REGISTRY, functions
from nodeflow.ops.api import (
    clip_by_value,
    constant,
    control_dependencies,
    device,
    fill,
    gradients,
    group,
    name_scope,
    ones,
    placeholder,
    variable,
    zeros,
)
from nodeflow.ops.attention.api import attention
from nodeflow.ops.control_flow.api import case, cond, foldl, foldr, map_fn, scan, while_loop
from nodeflow.ops.distributions.api import random_normal, random_uniform, truncated_normal
from nodeflow.ops.distributions.dropout import dropout
from nodeflow.ops.dynamic.api import dynamic_partition, size, unique, where
from nodeflow.ops.program import NAMES as PROGRAM
from nodeflow.public import public, publish

__version__ = "0.1.0"

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

LAZY = {
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
    **dict.fromkeys(_SCATTER, "nodeflow.ops.variables.scatter"),
    **dict.fromkeys(_SEGMENTS, "nodeflow.ops.namespaces.segments"),
    **dict.fromkeys(_SLICES, "nodeflow.ops.namespaces.slices"),
    **PROGRAM,
    **dict.fromkeys(_PICTURES, "nodeflow.ops.namespaces.image"),
    "ConfigProto": "nodeflow.engine.config",
    "GPUOptions": "nodeflow.engine.config",
    "InteractiveSession": "nodeflow.engine.session",
    "Session": "nodeflow.engine.session",
    "app": "nodeflow.ops.program.app",
    "contrib": "nodeflow.ops.namespaces.contrib",
    "data": "nodeflow.data",
    "flags": "nodeflow.ops.program.flags",
    "gfile": "nodeflow.ops.program.gfile",
    "logging": "nodeflow.ops.program.logging",
    "get_default_session": "nodeflow.graph.default_session",
    "initializers": "nodeflow.ops.variables.initializers",
    "image": "nodeflow.ops.namespaces.image",
    "layers": "nodeflow.ops.layers.api",
    "losses": "nodeflow.ops.namespaces.losses",
    "metrics": "nodeflow.ops.streaming",
    "nn": "nodeflow.ops.namespaces.nn",
    "load": "nodeflow.document.build.api",
    "load_plugins": "nodeflow.ops.user",
    "op": "nodeflow.ops.user",
    "save": "nodeflow.document.build.api",
    "signal": "nodeflow.ops.namespaces.signal",
    "spectral": "nodeflow.ops.namespaces.signal",
    "summary": "nodeflow.summary",
    "train": "nodeflow.train",
}

MODULES = {
    "app", "contrib", "data", "flags", "gfile", "image", "initializers", "layers", "logging",
    "losses", "metrics", "nn", "signal", "spectral", "summary", "train",
}  # fmt: skip

# What `from nodeflow import *` gives. The ops are left out: `abs`, `print` and others would hide
# Python's own.
__all__ = [
    "DTYPES",
    "REGISTRY",
    "DType",
    "Graph",
    "Node",
    "NodeflowError",
    "Tensor",
    "TensorType",
    "as_dtype",
    "attention",
    "case",
    "clip_by_value",
    "cond",
    "constant",
    "control_dependencies",
    "device",
    "dropout",
    "dynamic_partition",
    "errors",
    "fill",
    "foldl",
    "foldr",
    "functions",
    "get_default_graph",
    "gradients",
    "group",
    "map_fn",
    "name_scope",
    "ones",
    "placeholder",
    "random_normal",
    "random_uniform",
    "reset_default_graph",
    "scan",
    "size",
    "truncated_normal",
    "unique",
    "variable",
    "where",
    "while_loop",
    "zeros",
]


publish(globals(), __all__)


def __getattr__(name: str) -> Any:
    if name in LAZY:
        module = import_module(LAZY[name])
        value = module if name in MODULES else public(getattr(module, name))
    elif name in OBJECTS:
        value = OBJECTS[name]
    elif name in REGISTRY:
        value = public(getattr(functions, name))
        if REGISTRY.lookup(name).own:
            return value  # not kept: it may be another one later
    else:
        raise AttributeError(_unknown(name))
    globals()[name] = value
    return value


def _unknown(name: str) -> str:
    """What is wrong with a name, and what it is called here."""
    text = f"module 'nodeflow' has no attribute {name!r}"
    if name.startswith("__"):
        return text
    from nodeflow.tensorflow1.answers import exists_in, hint

    known = hint(name, exists_in(sys.modules[__name__])) or errors.suggest(name, __dir__())
    return f"{text}. {known}" if known else text


def _functions() -> list[str]:
    """The ops that are functions here: layers have a module of their own."""
    return [op.id for op in REGISTRY if op.call_name.isidentifier()]


def __dir__() -> list[str]:
    return sorted({*__all__, *LAZY, *OBJECTS, *_functions(), "__version__"})
