# Attributes come from a file, so their types are checked only when a node is made.
# pyright: reportArgumentType=false, reportOptionalOperand=false, reportOptionalSubscript=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false
"""Translations of branches and loops, whose bodies are graphs inside a node."""

from __future__ import annotations

from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow.integrations.onnx.call import Call, LeftOut, op


@op("If")
def branch(call: Call) -> Any:
    """Translate the ONNX op If. The branches may read values of the outer graph.

    If the condition is known while the graph is built, translate only the chosen branch.
    """
    yes, no = call["then_branch"], call["else_branch"]
    known = call.known(0)
    if known is not None:
        return (yes if known.item() else no).inline()
    outs = nf.cond(nf.reshape(call.x(), shape=[]), yes.function(), no.function(), strict=True)
    return list(outs) if isinstance(outs, (list, tuple)) else [outs]


@op("Loop")
def loop(call: Call) -> Any:
    """Translate ONNX's Loop to a while loop. Loops that also stack a result per iteration are not
    supported.

    Inputs: maximum number of iterations, whether to begin, initial states. The body returns whether
    to continue, and the next states.
    """
    body = call["body"]
    count = len(call.names) - 2
    if len(body.outputs) != count + 1:
        raise LeftOut("a loop that stacks results")
    if count < 1:
        raise LeftOut("a loop without states")
    limit = call.optional(0)
    begin = call.x(1) if call.has(1) else nf.constant(np.array(True))
    states = [call.x(i) for i in range(2, len(call.names))]
    one = np.int64(0)

    def going(iteration: nf.Tensor, again: nf.Tensor, *_: nf.Tensor) -> nf.Tensor:
        if limit is None:
            return again
        return nf.logical_and(again, iteration < nf.reshape(limit, shape=[]))

    def step(iteration: nf.Tensor, again: nf.Tensor, *values: nf.Tensor) -> list[nf.Tensor]:
        more, *after = body.run([iteration, again, *values])
        return [iteration + np.int64(1), nf.reshape(more, shape=[]), *after]

    first = [nf.constant(np.array(one)), nf.reshape(begin, shape=[]), *states]
    return list(nf.while_loop(going, step, first))[2:]


@op("Scan")
def scan(call: Call) -> Any:
    raise LeftOut("a scan over several sequences")
