"""What programs say around their computations: initialise, print, check.

The ops are in ``initialize``, ``printing`` and ``assertion``, the functions of `nf` that make them
beside them.
"""

from nodeflow.ops.program import assertion, initialize, printing

__all__ = ["NAMES", "assertion", "initialize", "printing"]

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
_TEMPLATES = (
    *("AggregationMethod", "Dimension", "TensorShape", "UnconnectedGradients", "count_up_to"),
    *(
        "dimension_at_index",
        "dimension_value",
        "hessians",
        "no_regularizer",
        "op_scope",
        "timestamp",
    ),
    "variable_op_scope",
)
_BASICS = (
    *("convert_to_tensor", "no_op", "placeholder_with_default", "set_random_seed"),
    "tuple",
)

NAMES = {
    "Print": "nodeflow.ops.program.printing",
    "py_func": "nodeflow.ops.program.py_func",
    **dict.fromkeys(_INITIALIZE, "nodeflow.ops.program.initialize"),
    **dict.fromkeys(_ASSERTION, "nodeflow.ops.program.assertion"),
    **dict.fromkeys(_STATIC_CHECKS, "nodeflow.ops.program.static_checks"),
    **dict.fromkeys(_MORE_CHECKS, "nodeflow.ops.program.more_checks"),
    **dict.fromkeys(_TEMPLATES, "nodeflow.ops.program.templates"),
    **dict.fromkeys(_BASICS, "nodeflow.ops.program.basics"),
}
"""Public name -> the module that defines it."""
