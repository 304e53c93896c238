"""`nf.summary`: nodes that record values of a run as summaries.

`api` makes the nodes. An integration adds the writer of files with summaries
(`nf.summary.FileWriter`), which TensorBoard shows. The names below are public.
"""

from nodeflow.namespaces import namespace

NAMES = {
    "histogram": "nodeflow.summary.summary_functions",
    "image": "nodeflow.summary.summary_functions",
    "merge": "nodeflow.summary.summary_functions",
    "merge_all": "nodeflow.summary.summary_functions",
    "scalar": "nodeflow.summary.summary_functions",
    "text": "nodeflow.summary.summary_functions",
}
"""Public name -> the module that defines it."""

__getattr__, __dir__ = namespace(__name__, NAMES, "nf.summary")
