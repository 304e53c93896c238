"""Names of numpy, PyTorch, JAX and Keras, and their counterparts in nodeflow."""

from __future__ import annotations

from collections.abc import Mapping

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
    "MaxUnpool3d": "max_unpool3d", "Adam": "adam",
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
