"""`nf.train`: training a graph on data, checkpoints, and functions under TensorFlow 1's names.

`settings` declares the settings, `training` binds them to a graph and its data, `loop.train` yields
`events`, and `control` steers it from another thread. Layers above import these modules by path;
nothing here knows processes or windows. The names below are the public ones.
"""

from nodeflow.namespaces import namespace

NAMES = {
    "Callback": "nodeflow.train.callbacks",
    "CheckpointWritten": "nodeflow.train.events",
    "Control": "nodeflow.train.control",
    "Done": "nodeflow.train.events",
    "Epoch": "nodeflow.train.events",
    "History": "nodeflow.train.training_history",
    "Metric": "nodeflow.train.training",
    "Monitor": "nodeflow.train.training",
    "Resumed": "nodeflow.train.events",
    "RunKept": "nodeflow.train.events",
    "Saver": "nodeflow.train.saving.saver",
    "Started": "nodeflow.train.events",
    "Steps": "nodeflow.train.events",
    "fit": "nodeflow.run_store.kept_runs",
    "generate": "nodeflow.document.to_graph.generation",
    "latest_checkpoint": "nodeflow.train.saving.checkpoint_state",
    "list_variables": "nodeflow.train.saving.checkpoint_state",
    "load_checkpoint": "nodeflow.train.saving.checkpoint_state",
    "train": "nodeflow.run_store.kept_runs",
}
"""The module that defines each public name."""

__getattr__, __dir__ = namespace(__name__, NAMES, "nf.train")
