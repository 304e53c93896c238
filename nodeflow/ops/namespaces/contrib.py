"""`nf.contrib`: the parts of `tf.contrib` that old programs use most, with its arguments.

It has layers, `nf.contrib.layers`, and optimizers, `nf.contrib.opt`. For other names, the table of
TensorFlow 1's names gives the counterpart.
"""

from __future__ import annotations

from nodeflow.ops.namespaces import contrib_layers as layers
from nodeflow.ops.namespaces import contrib_opt as opt
from nodeflow.public import publish

__all__ = ["layers", "opt"]


publish(globals(), __all__)
