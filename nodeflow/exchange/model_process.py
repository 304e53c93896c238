"""The window's process for models of other programs: ``python -m nodeflow.exchange.model_process``.

Its input is one pickled request of `model_requests`; its output is the pickled answer, or the
error. It reads, writes and compares models. It is a separate process because the work takes seconds
and may need much memory, and so that the user can end it at any time. Only exports and comparisons
import the engine, so a file opens sooner.
"""

from __future__ import annotations

import os
import pickle
import sys
from functools import singledispatch

from nodeflow.errors import NodeflowError
from nodeflow.exchange.importing import import_model
from nodeflow.exchange.model_requests import (
    Answer,
    CompareModel,
    ExportModel,
    ImportModel,
    ModelCompared,
    ModelExported,
    ModelImported,
    Request,
)
from nodeflow.ops.user import load_plugins


@singledispatch
def answer(request: Request) -> Answer:
    """Do the work that a request asks for, such as converting or checking a model file. Return the
    answer.

    Raises:
        NodeflowError: the file, graph or weights have an error, software is missing, or nodes
            cannot be written; the error names all of them. No part of a file is left.
    """
    raise TypeError(type(request).__name__)


@answer.register
def _import(request: ImportModel) -> ModelImported:
    imported = import_model(request.source, request.target, trainable=request.trainable)
    return ModelImported(dict(imported.missing))


@answer.register
def _export(request: ExportModel) -> ModelExported:
    from nodeflow.exchange.stored_graphs import export_stored

    return export_stored(request)


@answer.register
def _compare(request: CompareModel) -> ModelCompared:
    from nodeflow.exchange.stored_graphs import compare_stored

    return compare_stored(request)


def main() -> None:
    """Answer the request on standard input."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the user's own ops print is no answer
    request: Request = pickle.load(sys.stdin.buffer)
    found: Answer | NodeflowError
    try:
        load_plugins()
        found = answer(request)
    except NodeflowError as error:
        found = error
    with answers:
        pickle.dump(found, answers)


if __name__ == "__main__":
    main()
