"""Initialization, printing and checks in programs.

The ops are in ``initialize``, ``printing`` and ``assertion``, beside the functions of `nf` that add
them.
"""

from nodeflow.ops.program import assertion, generate, initialize, printing

__all__ = ["assertion", "generate", "initialize", "printing"]
