"""Users' own ops: decorated Python functions, in a script or in the plugin folder.

``declare`` has the decorator, ``signature`` reads ports and attributes from the function,
``probing`` finds its types, ``formula`` checks the formula that kernels inline, ``user_op`` is the
op, ``folder`` locates plugin files, and ``plugins`` loads them.
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
