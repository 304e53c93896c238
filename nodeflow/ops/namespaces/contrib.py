"""`nf.contrib`: the layers of `tf.contrib` that old programs are full of, with its arguments.

Only layers, as `nf.contrib.layers`, and what has its place elsewhere; the table of names answers
the rest.
"""

from __future__ import annotations

from nodeflow.ops.namespaces import contrib_layers as layers

__all__ = ["layers"]
