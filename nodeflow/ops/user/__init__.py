"""Ops of the user's own: one decorated Python function each, in a script or in the plugin folder.

``declare`` has the decorator, ``signature`` reads ports and attributes off the function,
``probing`` finds its types, ``formula`` checks what kernels inline, ``user_op`` is the op itself,
``folder`` says where plugin files lie, and ``plugins`` loads them.
"""

from nodeflow.ops.user.declare import op
from nodeflow.ops.user.folder import make_folder, plugin_folder
from nodeflow.ops.user.plugins import PLUGINS, PluginProblem, load_plugins
from nodeflow.ops.user.user_op import UserOp

__all__ = [
    "PLUGINS",
    "PluginProblem",
    "UserOp",
    "load_plugins",
    "make_folder",
    "op",
    "plugin_folder",
]
