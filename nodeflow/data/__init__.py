"""Data sets: their sources, the order of rows, downloads with checksums; `nf.data` for users.

`catalog` opens sources and returns `data_splits`. Layers above import these modules by path;
nothing here imports `train`, `document` or the layers above them. The names below are the public
ones.
"""

from nodeflow.namespaces import namespace

NAMES = {
    "Dataset": "nodeflow.data.pipeline.dataset",
    "Iterator": "nodeflow.data.pipeline.iterators",
    "TextLineDataset": "nodeflow.data.pipeline.dataset",
    "csv": "nodeflow.data.pipeline.namespace",
    "from_file": "nodeflow.data.pipeline.namespace",
    "image_folder": "nodeflow.data.pipeline.namespace",
    "mnist": "nodeflow.data.pipeline.namespace",
    "npz": "nodeflow.data.pipeline.namespace",
}
"""The module that defines each public name."""

__getattr__, __dir__ = namespace(__name__, NAMES, "nf.data")
