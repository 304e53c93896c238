"""``nodeflow merge``: a three-way merge of graphs, also as git's merge driver."""

from __future__ import annotations

import argparse

from nodeflow.cli.environment import DONE, PROBLEM, Environment
from nodeflow.cli.output_format import json_line, plural
from nodeflow.document.diff.conflicts import described
from nodeflow.document.diff.merge import merge as merge_documents
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document


def merge(arguments: argparse.Namespace, environment: Environment) -> int:
    """Merge two versions of a document into a file. Return 1 if it has conflicts, which it lists.

    Raises:
        FileProblem: a file is missing or damaged, or the output cannot be written.
    """
    names = (arguments.base, arguments.ours, arguments.theirs)
    found = merge_documents(*(_read(environment, name) for name in names))
    flow.save(found.document, environment.path(arguments.output))
    listed = list(described(found.document))
    if arguments.json:
        facts = {"notes": found.notes, "conflicts": found.document.conflicts or []}
        environment.print(json_line(facts))
    else:
        for note in found.notes:
            environment.message(f"nodeflow: note: {note}")
        for place in listed:
            environment.message(f"nodeflow: conflict: {place}")
        if listed:
            count = plural(len(listed), "conflict")
            environment.message(f"nodeflow: {arguments.output} has ours and lists {count}")
            environment.message("nodeflow: decide them with `nodeflow resolve`")
    return PROBLEM if found.document.conflicts is not None else DONE


def _read(environment: Environment, name: str) -> Document:
    """Load a document. Return an empty one for an empty file, git's missing common ancestor."""
    path = environment.path(name)
    if path.is_file() and path.stat().st_size == 0:
        return Document()
    return flow.load(path)
