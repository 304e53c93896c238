"""`nf.train`: training a graph on data, checkpoints, and functions under TensorFlow 1's names.

`settings` declares the settings, `training` binds them to a graph and its data, `loop.train` yields
`events`, and `control` steers it from another thread. Layers above import these modules by path;
nothing here knows processes or windows. The names below are the public ones.
"""

from nodeflow.namespaces import namespace

_OPTIMIZERS = (
    *("AdadeltaOptimizer", "AdagradDAOptimizer", "AdagradOptimizer", "AdamOptimizer"),
    "FtrlOptimizer",
    *("GradientDescentOptimizer", "MomentumOptimizer", "Optimizer", "ProximalAdagradOptimizer"),
    *("ProximalGradientDescentOptimizer", "RMSPropOptimizer"),
)
_DECAYS = (
    *("cosine_decay", "cosine_decay_restarts", "exponential_decay", "inverse_time_decay"),
    *("linear_cosine_decay", "natural_exp_decay", "noisy_linear_cosine_decay"),
    *("piecewise_constant", "polynomial_decay"),
)
_STEPS = (
    *("assert_global_step", "create_global_step", "get_global_step", "get_or_create_global_step"),
    "global_step",
)

NAMES = {
    **dict.fromkeys(_OPTIMIZERS, "nodeflow.ops.training.optimizers"),
    **dict.fromkeys(_DECAYS, "nodeflow.ops.training.decays"),
    **dict.fromkeys(_STEPS, "nodeflow.ops.training.global_step"),
    "ExponentialMovingAverage": "nodeflow.ops.training.moving_average",
    "CheckpointReader": "nodeflow.train.saving.checkpoint_state",
    "CheckpointState": "nodeflow.train.saving.checkpoint_state",
    "CheckpointWritten": "nodeflow.train.events",
    "Control": "nodeflow.train.control",
    "Done": "nodeflow.train.events",
    "Epoch": "nodeflow.train.events",
    "History": "nodeflow.train.history",
    "Metric": "nodeflow.train.training",
    "Monitor": "nodeflow.train.training",
    "Resumed": "nodeflow.train.events",
    "RunKept": "nodeflow.train.events",
    "Saver": "nodeflow.train.saving.saver",
    "Started": "nodeflow.train.events",
    "Steps": "nodeflow.train.events",
    "checkpoint_exists": "nodeflow.train.saving.checkpoint_state",
    "fit": "nodeflow.run_store.api",
    "get_checkpoint_state": "nodeflow.train.saving.checkpoint_state",
    "latest_checkpoint": "nodeflow.train.saving.checkpoint_state",
    "list_variables": "nodeflow.train.saving.checkpoint_state",
    "load_checkpoint": "nodeflow.train.saving.checkpoint_state",
    "load_variable": "nodeflow.train.saving.checkpoint_state",
    "train": "nodeflow.run_store.api",
}
"""The module that defines each public name."""

__getattr__, __dir__ = namespace(__name__, NAMES, "nf.train")
