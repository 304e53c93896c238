"""`nf.summary`: nodes that record values of a run as summaries.

`api` makes the nodes. An integration adds the writer of files with summaries
(`nf.summary.FileWriter`), which TensorBoard shows. The names below are public.
"""

from nodeflow.namespaces import namespace

NAMES = {
    "histogram": "nodeflow.summary.api",
    "image": "nodeflow.summary.api",
    "merge": "nodeflow.summary.api",
    "merge_all": "nodeflow.summary.api",
    "scalar": "nodeflow.summary.api",
    "text": "nodeflow.summary.api",
}
"""Public name -> the module that defines it."""

__getattr__, __dir__ = namespace(__name__, NAMES, "nf.summary")
