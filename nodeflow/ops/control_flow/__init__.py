"""Loops and branches: ops that run a subgraph, as often as values of the run require."""

from nodeflow.ops.control_flow import case_check, cond, scan, while_loop

__all__ = ["case_check", "cond", "scan", "while_loop"]
