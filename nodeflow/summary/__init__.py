"""`nf.summary`: what TensorBoard shows of a run, recorded in event files.

`api` makes the nodes, `writer` writes the files, `records` frames what is in them. The names below
are those that users see.
"""

from nodeflow.namespaces import namespace

NAMES = {
    "FileWriter": "nodeflow.summary.writer",
    "histogram": "nodeflow.summary.api",
    "image": "nodeflow.summary.api",
    "merge": "nodeflow.summary.api",
    "merge_all": "nodeflow.summary.api",
    "scalar": "nodeflow.summary.api",
    "text": "nodeflow.summary.api",
}
"""Public name -> the module that defines it."""

__getattr__, __dir__ = namespace(__name__, NAMES, "nf.summary")
