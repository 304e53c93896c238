"""`nf.summary`: summaries of a run in event files, which TensorBoard shows.

`api` makes the nodes, `writer` writes the files, and `records` frames their contents. The names
below are public.
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
