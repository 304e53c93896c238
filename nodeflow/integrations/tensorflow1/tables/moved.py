"""Names of TensorFlow 1 that nodeflow's core defines, and that `nf` does not offer."""

from __future__ import annotations

from collections.abc import Mapping

_NAMES: Mapping[tuple[str, str], str] = {
    ("", "engine.config"): """
        ConfigProto GPUOptions
    """,
    ("", "engine.recorded_runs"): """
        RunMetadata RunOptions
    """,
    ("", "graph.session_hooks.default_session"): """
        get_default_session
    """,
    ("", "ops.graph_building"): """
        device
    """,
    ("", "ops.dynamic.dynamic_functions"): """
        dynamic_partition
    """,
    ("", "ops.namespaces.arrays"): """
        broadcast_dynamic_shape broadcast_static_shape ensure_shape identity_n
        invert_permutation parallel_stack reverse_sequence sequence_mask setdiff1d shape_n
        unravel_index
    """,
    ("", "ops.namespaces.draws"): """
        categorical get_seed multinomial
    """,
    ("", "ops.namespaces.image"): """
        batch_to_space extract_image_patches space_to_batch
    """,
    ("", "ops.namespaces.linear"): """
        adjoint cholesky_solve lu_matrix_inverse lu_reconstruct lu_solve matrix_diag
        matrix_diag_part matrix_set_diag matrix_solve_ls matrix_transpose
        normalize_by_norm self_adjoint_eigvals
    """,
    ("", "ops.namespaces.maths"): """
        arg_max arg_min count_nonzero cross div is_non_decreasing is_strictly_increasing
        lbeta polyval reciprocal_no_nan reduce_euclidean_norm scalar_mul sparse_matmul
        tensordot to_double to_float to_int32 to_int64
    """,
    ("", "ops.namespaces.segments"): """
        segment_prod sparse_segment_mean sparse_segment_sqrt_n sparse_segment_sum
        unsorted_segment_max unsorted_segment_mean unsorted_segment_min
        unsorted_segment_prod unsorted_segment_sqrt_n unsorted_segment_sum
    """,
    ("", "ops.namespaces.slices"): """
        batch_gather dynamic_stitch histogram_fixed_width_bins sparse_to_dense
        tensor_scatter_nd_add tensor_scatter_nd_max tensor_scatter_nd_min
        tensor_scatter_nd_sub tensor_scatter_nd_update
    """,
    ("", "ops.program.assertion"): """
        Assert assert_equal assert_greater assert_greater_equal assert_less
        assert_less_equal assert_near assert_negative assert_non_negative
        assert_non_positive assert_none_equal assert_positive
    """,
    ("", "ops.program.basics"): """
        tuple
    """,
    ("", "ops.program.initialize"): """
        initialize_all_variables initialize_local_variables initialize_variables
        is_variable_initialized local_variables_initializer report_uninitialized_variables
        tables_initializer variables_initializer
    """,
    ("", "ops.program.more_checks"): """
        add_check_numerics_ops assert_proper_iterable assert_same_float_dtype
        assert_shapes assert_variables_initialized is_tensor verify_tensor_all_finite
    """,
    ("", "ops.program.printing"): """
        Print
    """,
    ("", "ops.program.static_checks"): """
        assert_integer assert_rank assert_rank_at_least assert_rank_in assert_scalar
        assert_type is_numeric_tensor
    """,
    ("", "ops.training.clipping"): """
        clip_by_average_norm
    """,
    ("", "ops.variables.collections"): """
        GraphKeys add_to_collection add_to_collections get_collection get_collection_ref
        local_variables model_variables moving_average_variables
    """,
    ("", "ops.variables.initializers"): """
        constant_initializer glorot_normal_initializer glorot_uniform_initializer
        identity_initializer ones_initializer orthogonal_initializer
        random_normal_initializer random_uniform_initializer truncated_normal_initializer
        uniform_unit_scaling_initializer variance_scaling_initializer zeros_initializer
    """,
    ("", "ops.variables.scatter"): """
        batch_scatter_update scatter_add scatter_div scatter_max scatter_min scatter_mul
        scatter_nd_add scatter_nd_sub scatter_nd_update scatter_sub scatter_update
    """,
    ("", "ops.variables.scope"): """
        AUTO_REUSE Variable VariableScope get_local_variable get_variable
        get_variable_scope variable_scope
    """,
    ("", "ops.variables.template"): """
        Template make_template
    """,
    ("data", "data.pipeline.namespace"): """
        get_output_shapes get_output_types make_initializable_iterator
        make_one_shot_iterator
    """,
    ("layers", "ops.layers.functions.without_variables"): """
        dropout flatten
    """,
    ("layers", "ops.layers.functions.pooling_functions"): """
        average_pooling1d average_pooling2d average_pooling3d max_pooling1d max_pooling2d
        max_pooling3d
    """,
    ("layers", "ops.variables.regularizers"): """
        apply_regularization l1_l2_regularizer l1_regularizer l2_regularizer
        sum_regularizer
    """,
    ("train", "ops.training.rates_by_global_step"): """
        cosine_decay cosine_decay_restarts exponential_decay inverse_time_decay
        linear_cosine_decay natural_exp_decay noisy_linear_cosine_decay piecewise_constant
        polynomial_decay
    """,
    ("train", "ops.training.global_step"): """
        assert_global_step create_global_step get_global_step get_or_create_global_step
        global_step
    """,
    ("train", "ops.training.moving_average"): """
        ExponentialMovingAverage
    """,
    ("train", "ops.training.optimizers"): """
        AdadeltaOptimizer AdagradDAOptimizer AdagradOptimizer AdamOptimizer FtrlOptimizer
        GradientDescentOptimizer MomentumOptimizer Optimizer ProximalAdagradOptimizer
        ProximalGradientDescentOptimizer RMSPropOptimizer
    """,
    ("train", "train.saving.checkpoint_state"): """
        CheckpointReader CheckpointState checkpoint_exists get_checkpoint_state
        load_variable
    """,
}
"""For each (namespace of TensorFlow 1, module of nodeflow), the names that both have."""

IN_CORE = {
    f"{space}.{name}".lstrip("."): f"nodeflow.{module}:{name}"
    for (space, module), names in _NAMES.items()
    for name in names.split()
}
"""For each name of TensorFlow 1, ``module:name`` of its definition."""

SPACES_IN_CORE = {
    "image": "nodeflow.ops.namespaces.image",
    "initializers": "nodeflow.ops.variables.initializers",
    "losses": "nodeflow.ops.namespaces.losses",
    "nn": "nodeflow.ops.namespaces.nn",
    "nn.rnn_cell": "nodeflow.ops.rnn.rnn_cell",
    "signal": "nodeflow.ops.namespaces.signal",
    "spectral": "nodeflow.ops.namespaces.signal",
}
"""For each namespace, the module that has all its names."""
