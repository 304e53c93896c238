"""`nf.contrib`: what of `tf.contrib` old programs are full of, with its arguments.

Layers, as `nf.contrib.layers`, and optimizers, as `nf.contrib.opt`; the table of names answers the
rest.
"""

from __future__ import annotations

from nodeflow.ops.namespaces import contrib_layers as layers
from nodeflow.ops.namespaces import contrib_opt as opt
from nodeflow.public import publish

__all__ = ["layers", "opt"]


publish(globals(), __all__)
