"""Initialization, printing and checks in programs.

The ops are in ``initialize``, ``printing`` and ``assertion``, beside the functions of `nf` that add
them.
"""

from nodeflow.ops.program import assertion, initialize, printing

__all__ = ["assertion", "initialize", "printing"]
