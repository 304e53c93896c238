"""What programs say around their computations: initialise, print, check.

The ops are in ``initialize``, ``printing`` and ``assertion``, the functions of `nf` that make them
beside them.
"""

from nodeflow.ops.program import assertion, initialize, printing

__all__ = ["assertion", "initialize", "printing"]
