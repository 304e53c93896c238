"""The names of ``nodeflow.tensorflow1`` that are not the same object in `nf`, and their modules.

They have another meaning in `nf`, or no use there. A name listed here takes precedence over `nf`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

from nodeflow.integrations.tensorflow1.tables.moved import IN_CORE, SPACES_IN_CORE
from nodeflow.integrations.tensorflow1.tables.names import OTHER_THINGS, RENAMED, ROOT_TOO
from nodeflow.public import public

HERE = __name__.rpartition(".tables.")[0]

SPACES = {
    **SPACES_IN_CORE,
    "compat": f"{HERE}.program.compat",
    "app": f"{HERE}.program.app",
    "contrib.legacy_seq2seq": f"{HERE}.contrib.legacy_seq2seq",
    "contrib.layers": f"{HERE}.contrib.layers",
    "contrib.losses": f"{HERE}.contrib.losses",
    "contrib.opt": f"{HERE}.contrib.opt",
    "examples.tutorials.mnist.input_data": f"{HERE}.mnist_tutorial",
    "flags": f"{HERE}.program.flags",
    "gfile": f"{HERE}.program.gfile",
    "logging": f"{HERE}.program.logging",
    "metrics": f"{HERE}.streaming",
    "distributions": f"{HERE}.distributions",
    "contrib.distributions": f"{HERE}.distributions",
    "test": f"{HERE}.testing",
}
"""For each namespace, the module that has all its names."""

_OPTIMIZERS = (
    *("Adadelta", "AdagradDA", "Ftrl", "Momentum", "ProximalAdagrad"),
    *("ProximalGradientDescent", "RMSProp"),
)
_FREEZING = ("convert_variables_to_constants", "extract_sub_graph")
_OF_SCOPES = ("add_arg_scope", "arg_scope", "current_arg_scope", "has_arg_scope")
_OF_VARIABLES = (
    *("get_local_variables", "get_model_variables", "get_trainable_variables", "get_variables"),
    *("get_variables_by_name", "get_variables_to_restore", "model_variable", "variable"),
)
_SMALL = (
    *("AggregationMethod", "Dimension", "TensorShape", "UnconnectedGradients", "count_up_to"),
    *("dimension_at_index", "dimension_value", "hessians", "no_regularizer", "op_scope"),
    *("timestamp", "variable_op_scope"),
)

_SWITCHES = (
    *("disable_control_flow_v2", "disable_eager_execution", "disable_resource_variables"),
    *("disable_v2_behavior", "disable_v2_tensorshape", "enable_resource_variables"),
    "executing_eagerly",
)

HOMES = {
    **IN_CORE,
    **{name: f"{HERE}.program.switches:{name}" for name in _SWITCHES},
    "errors.CancelledError": "nodeflow.errors:Cancelled",
    "errors.FailedPreconditionError": "nodeflow.errors:NotInitialized",
    "errors.InvalidArgumentError": "nodeflow.errors:RunError",
    "errors.NotFoundError": "nodeflow.errors:FileProblem",
    "errors.OpError": "nodeflow.errors:NodeflowError",
    "errors.OutOfRangeError": "nodeflow.errors:OutOfRangeError",
    "errors.ResourceExhaustedError": "nodeflow.errors:OverBudget",
    "python.client.timeline.Timeline": f"{HERE}.program.timeline:Timeline",
    **{name: f"{HERE}.program.templates:{name}" for name in _SMALL},
    **{f"train.{name}Optimizer": f"{HERE}.optimizers:{name}Optimizer" for name in _OPTIMIZERS},
    **{f"{name}": f"{HERE}.sessions:{name}" for name in ("InteractiveSession", "Session")},
    **dict.fromkeys(
        ("divide", "truediv", "realdiv", "math.divide", "math.truediv"),
        f"{HERE}.arithmetic:truediv",
    ),
    **dict.fromkeys(("reduce_mean", "math.reduce_mean"), f"{HERE}.arithmetic:reduce_mean"),
    **{name: f"{HERE}.texts:{name}" for name in ("constant", "placeholder")},
    "string": f"{HERE}.texts:STRING",
    "dtypes.string": f"{HERE}.texts:STRING",
    **{
        f"image.{name}": f"{HERE}.decoding:{name}"
        for name in (
            *("decode_bmp", "decode_gif", "decode_image", "decode_jpeg", "decode_png"),
            *("encode_jpeg", "encode_png"),
        )
    },
    **{
        name: f"{HERE}.decoding:{name}"
        for name in ("FixedLenFeature", "decode_raw", "parse_single_example", "read_file")
    },
    "data.TFRecordDataset": f"{HERE}.decoding:TFRecordDataset",
    "assign": f"{HERE}.assignment:assign",
    "python.framework.test_util.TensorFlowTestCase": f"{HERE}.testing:TestCase",
    "device": f"{HERE}.program.devices:device",
    "custom_gradient": f"{HERE}.custom_gradients:custom_gradient",
    "grad_pass_through": f"{HERE}.custom_gradients:grad_pass_through",
    **{
        f"contrib.rnn.{name}Wrapper": f"{HERE}.contrib.rnn_wrappers:{name}Wrapper"
        for name in ("Embedding", "InputProjection", "OutputProjection")
    },
    **{f"contrib.framework.{name}": f"{HERE}.contrib.arg_scopes:{name}" for name in _OF_SCOPES},
    **{f"contrib.framework.{name}": f"{HERE}.contrib.variables:{name}" for name in _OF_VARIABLES},
    **{f"contrib.slim.{name}": f"{HERE}.contrib.slim:{name}" for name in ("repeat", "stack")},
    "contrib.slim.learning.create_train_op": f"{HERE}.contrib.slim:create_train_op",
    "contrib.slim.model_analyzer.analyze_vars": f"{HERE}.contrib.slim:analyze_vars",
    "contrib.layers.convolution2d_transpose": f"{HERE}.contrib.layers:conv2d_transpose",
    "contrib.layers.convolution2d": f"{HERE}.contrib.layers:conv2d",
    "contrib.layers.optimize_loss": f"{HERE}.contrib.optimize_loss:optimize_loss",
    "train.Coordinator": f"{HERE}.program.coordinator:Coordinator",
    "train.start_queue_runners": f"{HERE}.program.coordinator:start_queue_runners",
    "Graph": f"{HERE}.graphs:Graph",
    "GraphDef": f"{HERE}.graph_files.graph_defs:GraphDef",
    "NodeDef": f"{HERE}.graph_files.graph_defs:NodeDef",
    **{name: f"{HERE}.summaries:{name}" for name in ("HistogramProto", "Summary")},
    "summary.FileWriter": f"{HERE}.summaries:FileWriter",
    "summary.Summary": f"{HERE}.summaries:Summary",
    "import_graph_def": f"{HERE}.graph_files.graph_defs:import_graph_def",
    "train.write_graph": f"{HERE}.graph_files.graph_defs:write_graph",
    **{f"graph_util.{name}": f"{HERE}.graph_files.graph_defs:{name}" for name in _FREEZING},
    "nn.embedding_lookup": f"{HERE}.arithmetic:embedding_lookup",
    "contrib.learn.preprocessing.VocabularyProcessor": (
        f"{HERE}.contrib.vocabulary:VocabularyProcessor"
    ),
    "contrib.opt.ScipyOptimizerInterface": (
        f"{HERE}.contrib.scipy_optimizer:ScipyOptimizerInterface"
    ),
    **{
        f"train.{name}": f"{HERE}.records:{name}"
        for name in ("BytesList", "Example", "Feature", "Features", "FloatList", "Int64List")
    },
    **{
        f"python_io.{name}": f"{HERE}.records:{name}"
        for name in ("TFRecordWriter", "tf_record_iterator")
    },
    **{
        f"layers.{name}": f"{HERE}.inactive_layers:{name}"
        for name in ("BatchNormalization", "Dropout", "batch_normalization", "dropout")
    },
    "select": f"{HERE}.selection:where",
    "where": f"{HERE}.selection:where",
    "where_v2": "nodeflow.ops.dynamic.dynamic_functions:where",
    "contrib.seq2seq.sequence_loss": f"{HERE}.contrib.layers:sequence_loss",
    "metrics.sparse_average_precision_at_k": f"{HERE}.streaming:average_precision_at_k",
    "metrics.sparse_precision_at_k": f"{HERE}.streaming:precision_at_k",
}
"""For each name, ``module:name`` of its definition."""

ALSO_IN_NF = frozenset(
    ("assign", "constant", "placeholder", "nn.elu", "nn.leaky_relu", "nn.relu", "nn.selu",
     "nn.sigmoid", "nn.softplus", "nn.softsign", "nn.tanh", "where_v2")
)  # fmt: skip
"""Names defined here that mean the same as in the root of `nf`, so that the converter can
rename them.
"""

SAME_SPACE = {
    "app.flags": ("flags",),
    "compat.v1": ("",),
    "io": ("", "image", "python_io", "train"),
    "nn.seq2seq": ("contrib.legacy_seq2seq",),
    "contrib.slim": ("contrib.slim", "contrib.layers", "contrib.framework"),
    "contrib.slim.losses": ("contrib.losses",),
    "contrib.framework.python.ops": ("contrib.framework",),
    "contrib.layers.python.layers": ("contrib.layers",),
    "contrib.layers.python.layers.initializers": ("contrib.layers",),
    "contrib.layers.python.layers.layers": ("contrib.layers",),
    "contrib.layers.python.layers.regularizers": ("contrib.layers",),
    "examples.tutorials.mnist": ("examples.tutorials.mnist.input_data", "examples.tutorials.mnist"),
    "python.client.session": ("",),
    **dict.fromkeys(
        (
            *("python.framework.constant_op", "python.framework.dtypes"),
            *("python.framework.ops", "python.framework.random_seed"),
            *("python.framework.tensor_shape", "python.ops.array_ops", "python.ops.check_ops"),
            *("python.ops.clip_ops", "python.ops.control_flow_ops", "python.ops.data_flow_ops"),
            *("python.ops.constant_op", "python.ops.functional_ops", "python.ops.gradients"),
            "python.ops.gradients_impl",
            *("python.ops.init_ops", "python.ops.linalg_ops", "python.ops.logging_ops"),
            *("python.ops.math_ops", "python.ops.partitioned_variables", "python.ops.random_ops"),
            *("python.ops.script_ops", "python.ops.special_math_ops", "python.ops.state_ops"),
            *("python.ops.string_ops", "python.ops.tensor_array_ops", "python.ops.variable_scope"),
            *("python.ops.variables", "python.platform"),
        ),
        ("",),
    ),
    "python.layers.layers": ("layers",),
    "python.layers": ("layers",),
    "python.layers.convolutional": ("layers",),
    "python.layers.core": ("layers",),
    "python.layers.normalization": ("layers",),
    "python.layers.pooling": ("layers",),
    "python.ops.embedding_ops": ("nn", ""),
    "python.ops.image_ops": ("image",),
    "python.ops.losses": ("losses",),
    "python.ops.losses.losses": ("losses",),
    "python.ops.nn": ("nn", ""),
    "python.ops.nn_impl": ("nn", ""),
    "python.ops.nn_ops": ("nn", ""),
    "python.ops.rnn": ("nn",),
    "python.ops.rnn_cell": ("nn.rnn_cell",),
    "python.ops.rnn_cell_impl": ("nn.rnn_cell",),
    "python.platform.googletest": ("test",),
    "python.platform.test": ("test",),
    "python.platform.tf_logging": ("logging",),
    "python.training": ("train",),
    "python.util.compat": ("compat",),
    "python.training.learning_rate_decay": ("train",),
    "python.training.optimizer": ("train",),
    "python.training.saver": ("train",),
    "python.training.training": ("train",),
}
"""For each namespace, the namespaces where its names are. Those of ``python`` are not public,
but old programs import public names from them.
"""


def candidates(path: str) -> list[str]:
    """Return the public spellings under which to look a name up, the likeliest first.

    >>> candidates("python.ops.nn_ops.relu")
    ['nn.relu', 'relu']
    """
    parts = path.split(".")
    for count in range(len(parts) - 1, 0, -1):
        spaces = SAME_SPACE.get(".".join(parts[:count]))
        if spaces is not None:
            return [".".join([*filter(None, [space]), *parts[count:]]) for space in spaces]
    return [path]


def home(path: str) -> str | None:
    """Return where this integration defines a public name of TensorFlow 1, as ``module:name``; None
    if it does not define the name.

    >>> home("where").rpartition(".")[2]
    'selection:where'
    """
    space, _, name = path.rpartition(".")
    spellings = [path, RENAMED.get(path)]
    if space.partition(".")[0] in ROOT_TOO and path not in OTHER_THINGS and path not in RENAMED:
        spellings += [name, RENAMED.get(name)]
    return next((found for one in spellings if one and (found := _defined(one))), None)


def _defined(path: str) -> str | None:
    """Return where a TensorFlow name is defined here, as ``module:name``. Return None if this exact
    spelling is not defined.
    """
    if path in HOMES:
        return HOMES[path]
    space, _, name = path.rpartition(".")
    if space in SPACES and name in listed(space):
        return f"{SPACES[space]}:{name}"
    return None


@cache
def listed(space: str) -> frozenset[str]:
    """Return the names in a namespace of `SPACES`."""
    module = import_module(SPACES[space])
    names = dir(module) if "__dir__" in vars(module) else module.__all__
    return frozenset({*names, *vars(module).get("CONSTANTS", ())})


def load(home: str) -> Any:
    """Import the object at ``module:name``."""
    module, _, name = home.partition(":")
    return public(getattr(import_module(module), name))


_AT_THE_ROOT = ("bitwise", "debugging", "linalg", "manip", "math", "random")
"""Namespaces whose names are at the root as well."""


def has(path: str) -> bool:
    """Return whether a name, or a namespace, is defined for TensorFlow 1."""
    return path in _AT_THE_ROOT or path in spaces(own_names()) or home(path) is not None


@cache
def own_names() -> frozenset[str]:
    """Return all names that are defined for TensorFlow 1."""
    return frozenset({*HOMES, *(f"{s}.{name}" for s in SPACES for name in listed(s))})


def spaces(names: Iterable[str]) -> Iterator[str]:
    """Yield the namespaces that contain dotted names, at all levels: ``a`` and ``a.b`` for
    ``a.b.c``.
    """
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:count]) for count in range(1, len(parts)))
