"""Loops and branches: ops that run a piece of graph as often as values say."""

from nodeflow.ops.control_flow import case_check, cond, scan, while_loop

__all__ = ["case_check", "cond", "scan", "while_loop"]
