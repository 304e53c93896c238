"""TensorFlow 1's names and what they are here: renamed, not here, or (all others) the same.

A name that stands in neither table is the same here, under the same path or at the root of `nf`
(``tf.debugging.is_finite`` is ``nf.is_finite``); a test compares with TensorFlow's own names.
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
    "select": "tensorflow1.where",
    "sub": "subtract",
    "truediv": "divide",
    "unpack": "unstack",
    "reverse_v2": "reverse",
    "where": "tensorflow1.where",
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
    # namespaces that say it twice, or otherwise
    "bitwise.invert": "bitwise_not",
    "nn.lrn": "local_response_normalization",
    "nn.swish": "silu",
    "contrib.image.rotate": "image.rotate",
    "contrib.image.transform": "image.transform",
    "contrib.image.translate": "image.translate",
    "image.per_image_whitening": "image.per_image_standardization",
    "initializers.variables": "variables_initializer",
    "debugging.assert_all_finite": "verify_tensor_all_finite",
    "metrics.sparse_average_precision_at_k": "metrics.average_precision_at_k",
    "metrics.sparse_precision_at_k": "metrics.precision_at_k",
    "summary.FileWriterCache": "summary.FileWriter",
    "train.NewCheckpointReader": "train.load_checkpoint",
    "train.SummaryWriter": "summary.FileWriter",
    # names with another meaning in nf
    **{
        f"train.{name}Optimizer": f"tensorflow1.train.{name}Optimizer"
        for name in (
            *("Adadelta", "AdagradDA", "Ftrl", "Momentum", "ProximalAdagrad"),
            *("ProximalGradientDescent", "RMSProp"),
        )
    },
    "train.piecewise_constant_decay": "train.piecewise_constant",
    # tf.contrib, as far as its names have a place here
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
    "contrib.framework.get_or_create_global_step": "train.get_or_create_global_step",
    "contrib.framework.get_global_step": "train.get_global_step",
    "contrib.framework.get_variables": "global_variables",
    "contrib.layers.embed_sequence": "layers.embedding",
    "contrib.layers.layer_norm": "layers.layer_normalization",
    "contrib.layers.softmax": "nn.softmax",
    "contrib.metrics.confusion_matrix": "confusion_matrix",
    "contrib.seq2seq.sequence_loss": "contrib.layers.sequence_loss",
    "app.flags": "flags",
    "app.flags.FLAGS": "flags.FLAGS",
}
"""TensorFlow 1's name -> the name here, both without ``tf.`` and ``nf.``."""

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
        train.*_producer train.*batch train.*batch_join train.Coordinator train.QueueRunner
        train.LooperThread train.*queue_runner* train.limit_epochs train.match_filenames_once
        decode_* *FixedLen*Feature VarLenFeature SparseFeature data.* parse_* read_file
        matching_files train.*List train.Example train.Feature* train.SequenceExample
        image.*decode_* image.encode_* image.extract_jpeg_shape image.is_jpeg
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
        *Proto GraphDef MetaGraphDef NodeDef AttrValue NameAttrList TensorInfo TensorSpec *Spec
        import_graph_def make_tensor_proto train.*meta_graph train.SaverDef train.write_graph
        make_ndarray
        HistogramProto Summary SummaryMetadata Event LogMessage SessionLog summary.Event
        summary.SessionLog summary.Summary summary.SummaryDescription summary.TaggedRunMetadata
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
        GradientTape function wrap_function init_scope Module custom_gradient grad_pass_through
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
    "feed the last output back by nf.while_loop, as nf.nn.dynamic_rnn does in training": (
        "contrib.seq2seq.*"
    ),
    "its layers take their arguments by functools.partial": "contrib.*arg_scope",
    "errors are in nf.errors": "errors.* OpError",
    "Keras has its own graph: use nf.layers": "keras.*",
    "tf.contrib is gone from TensorFlow itself; some is in nf.contrib.layers and nf.layers": (
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
"""Why a name is not here -> patterns of names, without ``tf.``; the first that fits counts."""

ROOT_TOO = ("math", "nn", "linalg", "random", "debugging", "manip", "bitwise", "signal", "spectral",
            "image", "initializers", "dtypes", "losses", "metrics", "train", "sets")  # fmt: skip
"""Namespaces of TensorFlow 1 whose names are at the root here where they are not in a namespace."""

OTHER_THINGS = frozenset(("random.split",))
"""Names that mean something else than that of the root."""

OTHERS: Mapping[str, str] = {
    # numpy, PyTorch and JAX
    "absolute": "abs", "all": "reduce_all", "amax": "reduce_max", "amin": "reduce_min",
    "any": "reduce_any", "arange": "range", "array": "constant", "asarray": "constant",
    "as_tensor": "constant", "astype": "cast", "BCELoss": "binary_cross_entropy",
    "BatchNorm2d": "layers.batch_normalization", "bmm": "matmul", "cat": "concat",
    "concatenate": "concat", "Conv2d": "layers.conv2d", "CrossEntropyLoss":
    "sparse_softmax_cross_entropy", "cross_entropy": "sparse_softmax_cross_entropy",
    "dense": "layers.dense", "detach": "stop_gradient", "div": "divide", "dot": "matmul",
    "Dropout": "dropout", "Embedding": "layers.embedding", "FloatTensor": "constant",
    "full": "fill", "grad": "gradients", "Linear": "layers.dense", "linear": "layers.dense",
    "logsumexp": "reduce_logsumexp", "LSTM": "layers.lstm", "max": "reduce_max",
    "mean": "reduce_mean", "min": "reduce_min", "mm": "matmul", "mod": "modulo",
    "mse_loss": "mean_squared_error", "MSELoss": "mean_squared_error", "mul": "multiply",
    "mv": "matmul", "ndarray": "Tensor", "neg": "negative", "no_grad": "stop_gradient",
    "permute": "transpose", "pow": "power", "prod": "reduce_prod", "rand": "random_uniform",
    "randn": "random_normal", "remainder": "modulo", "SGD": "gradient_descent",
    "sub": "subtract", "sum": "reduce_sum", "swapaxes": "transpose", "take": "gather",
    "true_divide": "divide", "var": "reduce_variance", "unsqueeze": "expand_dims",
    "value_and_grad": "gradients",
    "view": "reshape", "vstack": "concat", "hstack": "concat", "nll_loss":
    "sparse_softmax_cross_entropy", "GELU": "gelu", "ReLU": "relu",
    "Conv1d": "layers.conv1d", "Conv3d": "layers.conv3d", "ConvTranspose1d":
    "layers.conv1d_transpose", "ConvTranspose2d": "layers.conv2d_transpose", "ConvTranspose3d":
    "layers.conv3d_transpose", "conv_transpose1d": "conv1d_transpose", "conv_transpose2d":
    "conv2d_transpose", "conv_transpose3d": "conv3d_transpose", "MaxPool1d": "max_pool1d",
    "MaxPool2d": "max_pool2d", "MaxPool3d": "max_pool3d", "AvgPool1d": "average_pool1d",
    "AvgPool2d": "average_pool2d", "AvgPool3d": "average_pool3d", "avg_pool1d": "average_pool1d",
    "avg_pool2d": "average_pool2d", "avg_pool3d": "average_pool3d", "MaxUnpool2d": "max_unpool2d",
    "MaxUnpool3d": "max_unpool3d", "Adam": "train.AdamOptimizer",
    "AdaptiveAvgPool2d": "global_average_pool", "average": "reduce_mean", "BatchNorm1d":
    "layers.batch_normalization", "BatchNorm3d": "layers.batch_normalization",
    "BCEWithLogitsLoss": "sigmoid_cross_entropy_with_logits", "clamp": "clip_by_value",
    "HuberLoss": "huber_loss", "KLDivLoss": "kl_divergence", "L1Loss": "mean_absolute_error",
    "LayerNorm": "layers.layer_normalization", "MultiheadAttention": "layers.multi_head_attention",
    "Parameter": "variable", "SmoothL1Loss": "huber_loss", "std": "reduce_std", "topk": "top_k",
    # Keras
    "AveragePooling1D": "average_pool1d", "AveragePooling2D": "average_pool2d",
    "AveragePooling3D": "average_pool3d", "binary_crossentropy": "binary_cross_entropy",
    "categorical_crossentropy": "categorical_cross_entropy", "Dense": "layers.dense",
    "GlobalAveragePooling2D": "global_average_pool", "GlobalMaxPooling2D": "global_max_pool",
    "Input": "placeholder", "MaxPooling1D": "max_pool1d", "MaxPooling2D": "max_pool2d",
    "MaxPooling3D": "max_pool3d", "sparse_categorical_crossentropy":
    "sparse_softmax_cross_entropy",
}  # fmt: skip
"""Name in numpy, PyTorch, JAX or Keras -> the name here."""
