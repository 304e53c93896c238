"""The process with the user's own ops: ``python -m nodeflow.host.own_ops.probe_process ADDRESS``.

It ends when its standard input ends, and with the thread that started it. The output of the user's
code is discarded, and its memory is limited.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from nodeflow.errors import NodeflowError, UserOpError
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import TensorType
from nodeflow.host.child_process import die_with_starter, end_with_input, read_key
from nodeflow.host.own_ops import probe_messages as r
from nodeflow.ops.user import PLUGINS

MOST_BYTES = 4 << 30
"""Bytes of memory for the user's code and its imports."""


def main() -> None:
    """Serve requests until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_starter()
    connection = Client(sys.argv[1], authkey=read_key())
    threading.Thread(target=end_with_input, daemon=True).start()
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nothing, stream)
    _limit_memory()
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send(_answer(connection.recv(), connection))


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not available on this system
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(request: r.Request, connection: Connection) -> r.Answer:
    try:
        if isinstance(request, r.Load):
            return _load(request, connection)
        if isinstance(request, r.Infer):
            found = REGISTRY.lookup(request.op).infer(*request.types, **request.attrs)
            return r.Types((found,) if isinstance(found, TensorType) else tuple(found))
        return _derive(request)
    except NodeflowError as error:
        return r.Refused.of(error)
    except Exception as error:  # a fault in nodeflow, which must not end the process
        return r.Refused.of(UserOpError(f"{type(error).__name__}: {error}"))


def _load(request: r.Load, connection: Connection) -> r.Loaded:
    PLUGINS.on_file = lambda file: connection.send(r.Loading(file))
    PLUGINS.load(Path(request.folder), again=True, skip=request.skip)
    files = {file: tuple(r.OpRecord.of(op) for op in ops) for file, ops in PLUGINS.by_file.items()}
    return r.Loaded(files, PLUGINS.problems, frozenset(PLUGINS.failed))


# ---- gradients ------------------------------------------------------------------------------


def _derive(request: r.Derive) -> r.Derived:
    graph = Graph()
    inputs = [_placeholder(graph, type_) for type_ in request.types]
    node = graph.add_node(request.op, inputs, request.attrs)
    grads = [None if t is None else _placeholder(graph, t) for t in request.grads]
    count = len(graph.nodes)
    results = node.op.gradient(node, *grads)
    values: list[Tensor | None] = [*inputs, *node.outputs, *grads]
    found = [_record(added, values) for added in _written(list(graph.nodes)[count:])]
    return r.Derived(tuple(found), tuple(_number(t, values) for t in results))


def _placeholder(graph: Graph, type_: TensorType) -> Tensor:
    shape = list(type_.shape) if type_.has_rank else None
    return graph.apply("placeholder", dtype=type_.dtype, shape=shape)


def _written(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes that a gradient rule added itself. Leave out the nodes inside macro nodes,
    such as layers, that it added.
    """
    return [node for node in nodes if node.derived_from is None]


def _record(node: Node, values: list[Tensor | None]) -> r.DerivedNode:
    inputs = tuple(values.index(tensor) for tensor in node.inputs)
    values += node.outputs
    return r.DerivedNode(node.op.id, inputs, dict(node.attrs))


def _number(tensor: Any, values: list[Tensor | None]) -> int | None:
    return None if tensor is None else values.index(tensor)


if __name__ == "__main__":
    main()
