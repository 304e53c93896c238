"""The counterparts of TensorFlow 1's names: own, renamed, absent, or (all others) the same.

A name in none of these tables is the same in `nf`, with the same path or at the root
(``tf.debugging.is_finite`` is ``nf.is_finite``). A test compares with TensorFlow's public
names.
"""

from __future__ import annotations

from collections.abc import Mapping

RENAMED: Mapping[str, str] = {
    # names from before TensorFlow 1.0, and names that only spell another one
    "all_variables": "global_variables",
    "complex_abs": "abs",
    "concat_v2": "concat",
    "double": "float64",
    "floor_div": "floor_divide",
    "floordiv": "floor_divide",
    "floormod": "modulo",
    "histogram_summary": "summary.histogram",
    "image_summary": "summary.image",
    "initialize_all_tables": "tables_initializer",
    "inv": "reciprocal",
    "merge_all_summaries": "summary.merge_all",
    "merge_summary": "summary.merge",
    "mod": "modulo",
    "mul": "multiply",
    "neg": "negative",
    "pack": "stack",
    "pow": "power",
    "realdiv": "divide",
    "scalar_summary": "summary.scalar",
    "sub": "subtract",
    "truediv": "divide",
    "unpack": "unstack",
    "reverse_v2": "reverse",
    "where_v2": "where",
    "Operation": "Node",
    "accumulate_n": "add_n",
    "half": "float16",
    "matrix_determinant": "det",
    "matrix_inverse": "inverse",
    "matrix_solve": "solve",
    "matrix_triangular_solve": "triangular_solve",
    "self_adjoint_eig": "eigh",
    "div_no_nan": "divide_no_nan",
    "lin_space": "linspace",
    "matrix_square_root": "sqrtm",
    "py_function": "py_func",
    "rint": "round",
    "tensor_scatter_add": "tensor_scatter_nd_add",
    "tensor_scatter_sub": "tensor_scatter_nd_sub",
    "tensor_scatter_update": "tensor_scatter_nd_update",
    "truncatediv": "truncate_divide",
    "truncatemod": "truncate_modulo",
    # Namespaces that repeat the namespace in the name, or that use another word.
    "bitwise.invert": "bitwise_not",
    "nn.lrn": "local_response_normalization",
    "nn.swish": "silu",
    "contrib.image.rotate": "image.rotate",
    "contrib.image.transform": "image.transform",
    "contrib.image.translate": "image.translate",
    "image.per_image_whitening": "image.per_image_standardization",
    "initializers.variables": "variables_initializer",
    "linalg.band_part": "matrix_band_part",
    "linalg.diag": "matrix_diag",
    "linalg.diag_part": "matrix_diag_part",
    "linalg.eigvalsh": "self_adjoint_eigvals",
    "linalg.inv": "inverse",
    "linalg.lstsq": "matrix_solve_ls",
    "linalg.normalize": "normalize_by_norm",
    "linalg.set_diag": "matrix_set_diag",
    "linalg.tensor_diag": "diag",
    "linalg.tensor_diag_part": "diag_part",
    "linalg.transpose": "matrix_transpose",
    "math.cumulative_logsumexp": "logcumsumexp",
    "math.in_top_k": "nn.in_top_k",
    "math.top_k": "nn.top_k",
    "math.zero_fraction": "nn.zero_fraction",
    "random.all_candidate_sampler": "nn.all_candidate_sampler",
    "random.fixed_unigram_candidate_sampler": "nn.fixed_unigram_candidate_sampler",
    "random.gamma": "random_gamma",
    "random.log_uniform_candidate_sampler": "nn.log_uniform_candidate_sampler",
    "random.normal": "random_normal",
    "random.poisson": "random_poisson",
    "random.shuffle": "random_shuffle",
    "random.uniform": "random_uniform",
    "random.uniform_candidate_sampler": "nn.uniform_candidate_sampler",
    "debugging.assert_all_finite": "verify_tensor_all_finite",
    "summary.FileWriterCache": "summary.FileWriter",
    "train.NewCheckpointReader": "train.load_checkpoint",
    "train.SummaryWriter": "summary.FileWriter",
    "train.piecewise_constant_decay": "train.piecewise_constant",
    # Names of tf.contrib that have a counterpart here.
    **{
        f"contrib.rnn.{cell}": f"nn.rnn_cell.{cell}"
        for cell in (
            *("BasicLSTMCell", "BasicRNNCell", "DeviceWrapper", "DropoutWrapper", "GRUCell"),
            *("LSTMCell", "LSTMStateTuple", "MultiRNNCell", "RNNCell", "ResidualWrapper"),
        )
    },
    "contrib.rnn.static_bidirectional_rnn": "nn.static_bidirectional_rnn",
    "contrib.rnn.static_rnn": "nn.static_rnn",
    "contrib.data.Dataset": "data.Dataset",
    "contrib.data.Iterator": "data.Iterator",
    "contrib.metrics.streaming_accuracy": "metrics.accuracy",
    "contrib.metrics.streaming_mean": "metrics.mean",
    "contrib.metrics.streaming_mean_iou": "metrics.mean_iou",
    "contrib.framework.get_or_create_global_step": "train.get_or_create_global_step",
    "contrib.framework.get_global_step": "train.get_global_step",
    "contrib.layers.embed_sequence": "layers.embedding",
    "contrib.layers.layer_norm": "layers.layer_normalization",
    "contrib.layers.softmax": "nn.softmax",
    "contrib.metrics.confusion_matrix": "confusion_matrix",
}
"""For each renamed name of TensorFlow 1, its name in `nf`; both without ``tf.`` and ``nf.``."""

QUEUES = "a data set feeds placeholders: use nf.data, or feed_dict"
STRINGS = "there are no tensors of text; prepare texts in Python and feed numbers"
SPARSE = "there are no sparse tensors; use dense ones, or nf.gather and nf.segment_sum"
PROTOS = "graphs are .flow files: use nf.save and nf.load"
DISTRIBUTED = "a session runs in one process"
SESSIONS = (
    "write the loop with nf.Session, or use nf.train.train, which keeps checkpoints and resumes"
)
EAGER = "everything is a graph; there is no eager execution to switch on or off"
QUANTIZED = "there are no quantized dtypes"
RARE = "not here; write it with other ops, or as an own op with nf.op"
CLASSES = "its base class has no use here; a layer is a function or a class of nf.layers"
FILES = "use Python's files, os and glob"

ABSENT: Mapping[str, str] = {
    QUEUES: """
        *Queue QueueBase *Reader ReaderBase ConditionalAccumulator* SparseConditionalAccumulator
        train.*_producer train.*batch train.*batch_join train.QueueRunner
        train.LooperThread train.*queue_runner* train.limit_epochs train.match_filenames_once
        decode_* *FixedLenSequenceFeature VarLenFeature SparseFeature data.* parse_*
        matching_files train.*List train.Example train.Feature* train.SequenceExample
        image.decode_and_crop_jpeg image.extract_jpeg_shape image.is_jpeg
        nn.static_state_saving_rnn
    """,
    STRINGS: """
        string* as_string substr regex_replace reduce_join encode_base64 fingerprint
        edit_distance summary.text strings.*
    """,
    SPARSE: """
        sparse_* Sparse* IndexedSlices* convert_to_tensor_or_* *sparse* Ragged* ragged_*
        nn.safe_embedding_lookup_sparse sparse.* nn.ctc_*
    """,
    PROTOS: """
        *Proto MetaGraphDef AttrValue NameAttrList TensorInfo TensorSpec *Spec
        make_tensor_proto train.*meta_graph train.SaverDef
        make_ndarray
        SummaryMetadata Event LogMessage SessionLog summary.Event
        summary.SessionLog summary.SummaryDescription summary.TaggedRunMetadata
        summary.get_summary_description summary.tensor_summary summary.audio
        summary.all_v2_summary_ops serialize_* deserialize_*
        train.generate_checkpoint_state_proto train.update_checkpoint_state
        train.remove_checkpoint train.get_checkpoint_mtimes train.summary_iterator graph_util.*
    """,
    DISTRIBUTED: """
        train.Server* train.Cluster* train.JobDef train.Sync* train.replica_device_setter
        distribute.* *partitioner create_partitioned_variables VariableAggregation
        VariableSynchronization get_session_* delete_session_tensor container colocate_with
        DeviceSpec
    """,
    SESSIONS: """
        train.*Session* train.*Hook train.Scaffold train.Supervisor train.SecondOrStepTimer
        train.SessionRun* train.basic_train_loop train.VocabInfo train.warm_start
        train.Checkpoint* train.init_from_checkpoint
        train.checkpoints_iterator train.CheckpointSaverListener
        train.NanLossDuringTrainingError estimator.* OptimizerOptions
        GraphOptions
    """,
    EAGER: """
        *eager* *_v2_* *v2_behavior *tensor_equality *resource_variables* *v2_tensorshape
        GradientTape function wrap_function init_scope Module
        recompute_grad control_flow_v2_enabled is_symbolic_tensor TypeSpec OptionalSpec
        summary.initialize random.split
        type_spec_from_value nondifferentiable_batch_function debugging.*traceback*
        debugging.*check_numerics debugging.*device_placement
        variable_creator_scope vectorized_map
    """,
    QUANTIZED: """
        quant* dequantize fake_quant* qint* quint* QUANTIZED_DTYPES nn.quantized_*
    """,
    CLASSES: "layers.InputSpec layers.Layer",
    FILES: "write_file gfile.* python_io.*",
    "use Python's argparse": "app.* flags.*",
    "print with Python's logging": "logging.* get_logger",
    "feed the last output back by nf.while_loop, as tf.nn.dynamic_rnn does in training": (
        "contrib.seq2seq.*"
    ),
    "errors are in nf.errors": "errors.* OpError",
    "Keras has its own graph: use nf.layers": "keras keras.*",
    "tf.contrib is gone from TensorFlow itself; some is in tf.contrib.layers and nf.layers": (
        "contrib.*"
    ),
    "an own op says its gradient itself: see nf.op": """
        NoGradient NotDifferentiable RegisterGradient no_gradient load_*
        register_tensor_conversion_function
    """,
    "a run sees each variable once, so nothing needs a lock": "CriticalSection",
    "write the matrix as a tensor, or multiply by it in a function": "linalg.LinearOperator*",
    "its classes are learned as it runs; use nn.fixed_unigram_candidate_sampler with counts": (
        "*learned_unigram_candidate_sampler"
    ),
    "nodeflow's own version is nf.__version__": (
        "*VERSION* *_VERSION COMPILER* MONOLITHIC_BUILD CXX11*"
    ),
    "write nf.cast(x, dtype)": "to_*",
    RARE: "*",
}
"""For each reason why names are absent, patterns of the names, without ``tf.``. The first match
counts.
"""

ROOT_TOO = ("math", "nn", "linalg", "random", "debugging", "manip", "bitwise", "signal", "spectral",
            "image", "initializers", "dtypes", "losses", "metrics", "train", "sets")  # fmt: skip
"""Namespaces of TensorFlow 1 whose names are at the root of `nf` if they are not in its
namespace.
"""

OTHER_THINGS = frozenset(("random.split",))
"""Names whose meaning differs from that name at the root."""
