"""An op of your own: one function, decorated. Save this file, and nodeflow loads it again.

Parameters without an annotation are tensors (numpy arrays), the others are attributes, which show
in the inspector. The name of the function is what files and formulas call the op; the first line
of its docstring is what the list of ops says. Every .py file in this folder is loaded, except those
whose names start with _ (others may use them: `from . import _shared`).
"""

import numpy as np

import nodeflow
from nodeflow import functions as F


def leaky_gradient(g, inputs, output, slope):
    """The gradient of each input, made of ops; g is the gradient of the output."""
    (x,) = inputs
    return [F.where(x > 0, g, g * slope)]


@nodeflow.op(
    # All of these may be left out.
    gradient=leaky_gradient,  # without it, nothing can be trained through this op
    formula="where(x > 0, x, slope * x)",  # the same, for compiled kernels: faster
)
def leaky(x, slope: float = 0.1):
    """x where it is positive, else a little of it."""
    return np.where(x > 0, x, slope * x)


# Without `formula`, nodeflow finds the type of the result by running the function on small arrays.
# Take the # away to have this one, too:
#
# @nodeflow.op
# def row_norm(x, eps: float = 1e-6):
#     """Each row divided by its length."""
#     return x / (np.sqrt(np.sum(x * x, axis=-1, keepdims=True)) + np.float32(eps))
