"""What an analysis says, to be compared with another one: types and problems, hints included."""

from __future__ import annotations

from typing import Any

from nodeflow.document.analysis.inference.incremental_inference import Analysis


def comparable(analysis: Analysis) -> Any:
    """Return types, problems and the same of what is inside of instances."""
    types = {
        i: dict(t) if (t := analysis.out_types(i)) is not None else None for i in analysis.doc.nodes
    }
    inside = {key: comparable(part) for key, part in analysis.inside.items()}
    return types, {k: sorted(map(repr, v)) for k, v in analysis.problems.items()}, inside
