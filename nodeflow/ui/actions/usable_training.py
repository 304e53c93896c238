"""The actions of running and training that are usable in each state of the engine."""

from __future__ import annotations


def applying(state: str, learned: bool, has_nodes: bool = True) -> tuple[str, ...]:
    """Return the usable actions in a state of the engine. An empty graph has none.

    Args:
        learned: whether there are trained weights to continue from.

    >>> applying("idle", True), applying("paused", False)
    (('run', 'continue', 'train'), ('continue', 'step', 'stop'))
    """
    if state in ("preparing", "training"):
        return ("pause", "stop")
    if state == "paused":
        return ("continue", "step", "stop")
    if not has_nodes:
        return ()
    if state == "running":
        return ("run", "stop")
    return ("run", "continue", "train") if learned else ("run", "train")
