"""Runs as text: a table for terminals and notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nodeflow.number_text import number, plain
from nodeflow.run_store.run_records import Run

COLUMNS = ("run", "name", "status", "epochs", "steps", "seconds", "loss", "metrics")


def table(runs: Iterable[Run]) -> list[str]:
    """Return the lines of a text table of runs: column titles, then one line for each run."""
    rows = [COLUMNS, *(row(run) for run in runs)]
    return aligned(rows)


def row(run: Run) -> tuple[str, ...]:
    """Return the cells of a run in the table."""
    metrics = "  ".join(f"{name} {figure(value)}" for name, value in run.metrics.items())
    return (
        f"{run.id}{' *' if run.star else ''}",
        run.name,
        run.status,
        str(run.epochs),
        str(run.steps),
        f"{run.seconds:.1f}",
        "" if run.loss is None else figure(run.loss),
        metrics,
    )


def figure(value: float) -> str:
    """Return a number as text for terminals."""
    return plain(number(value))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines with aligned columns."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
