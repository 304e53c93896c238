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
    *("clip_by_value", "constant", "control_dependencies", "fill", "gradients", "group"),
    *("name_scope", "ones", "placeholder", "variable", "zeros"),
)
_CONTROL_FLOW = ("case", "cond", "foldl", "foldr", "map_fn", "scan", "while_loop")
_DYNAMIC = ("size", "unique", "where")
_RANDOM = ("random_normal", "random_uniform", "truncated_normal")
_ARRAYS = (
    *("argsort", "einsum", "newaxis", "ones_like", "pad", "sort", "split", "strided_slice"),
    "zeros_like",
)
_MATHS = ("argmax", "argmin", "bincount", "confusion_matrix", "linspace", "matmul", "norm")
_BASICS = ("convert_to_tensor", "no_op", "placeholder_with_default", "set_random_seed")

LAZY = {
    **_TYPES,
    **dict.fromkeys(_BUILDING, "nodeflow.ops.graph_building"),
    **dict.fromkeys(_CONTROL_FLOW, "nodeflow.ops.control_flow.control_flow_functions"),
    **dict.fromkeys(_DYNAMIC, "nodeflow.ops.dynamic.dynamic_functions"),
    **dict.fromkeys(_RANDOM, "nodeflow.ops.distributions.random_functions"),
    "attention": "nodeflow.ops.attention.attention_function",
    "dropout": "nodeflow.ops.distributions.dropout",
    "errors": "nodeflow.errors",
    "functions": "nodeflow.ops.functions",
    **dict.fromkeys(
        ("assign_add", "assign_sub", "clip_by_global_norm", "clip_by_norm", "global_norm"),
        "nodeflow.ops.training.clipping",
    ),
    **dict.fromkeys(
        ("global_variables", "trainable_variables"), "nodeflow.ops.variables.collections"
    ),
    **dict.fromkeys(_ARRAYS, "nodeflow.ops.namespaces.arrays"),
    **dict.fromkeys(("random_gamma", "random_poisson"), "nodeflow.ops.namespaces.draws"),
    **dict.fromkeys(
        ("diag", "diag_part", "inverse", "qr", "svd"), "nodeflow.ops.namespaces.linear"
    ),
    **dict.fromkeys(_MATHS, "nodeflow.ops.namespaces.maths"),
    **dict.fromkeys(("meshgrid", "one_hot", "range"), "nodeflow.ops.namespaces.numbers"),
    **dict.fromkeys(
        ("segment_max", "segment_mean", "segment_min", "segment_sum"),
        "nodeflow.ops.namespaces.segments",
    ),
    **dict.fromkeys(
        ("boolean_mask", "gather", "gather_nd", "scatter_nd"), "nodeflow.ops.namespaces.slices"
    ),
    "py_func": "nodeflow.ops.program.py_func",
    "global_variables_initializer": "nodeflow.ops.program.initialize",
    **dict.fromkeys(_BASICS, "nodeflow.ops.program.basics"),
    "InteractiveSession": "nodeflow.engine.session",
    "Session": "nodeflow.engine.session",
    "Sequential": "nodeflow.ops.layers.functions.layer_objects",
    "TensorArray": "nodeflow.ops.control_flow.tensor_array",
    "data": "nodeflow.data",
    "edit_model": "nodeflow.exchange.model_edits",
    "DocumentBuilder": "nodeflow.document.io.builder",
    "layers": "nodeflow.ops.layers.functions.layers",
    "load": "nodeflow.document.to_graph.python_graphs.save_and_load",
    "load_plugins": "nodeflow.ops.user",
    "op": "nodeflow.ops.user",
    "runs": "nodeflow.run_store.kept_runs",
    "save": "nodeflow.document.to_graph.python_graphs.save_and_load",
    "summary": "nodeflow.summary",
    "train": "nodeflow.train",
}
"""The module that defines each public name."""

MODULES = {"data", "layers", "summary", "train"}
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
