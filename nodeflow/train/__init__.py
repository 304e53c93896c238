"""`nf.train`: training a graph on data, checkpoints, and what TensorFlow 1 calls by these names.

`settings` declares the settings, `training` binds them to a graph and its data, `loop.train` yields
`events`, and `control` steers it from another thread. Layers above import these modules by path;
nothing here knows processes or windows. The names below are those that users see.
"""

from nodeflow.namespaces import namespace

NAMES = {
    "Control": "nodeflow.train.control",
    "Done": "nodeflow.train.events",
    "Epoch": "nodeflow.train.events",
    "History": "nodeflow.train.history",
    "Metric": "nodeflow.train.training",
    "Monitor": "nodeflow.train.training",
    "Started": "nodeflow.train.events",
    "Steps": "nodeflow.train.events",
    "fit": "nodeflow.train.api",
    "train": "nodeflow.train.api",
}
"""Public name -> the module that defines it."""

__getattr__, __dir__ = namespace(__name__, NAMES, "nf.train")
