"""A run as files for other programs: JSON, CSV, a .flow file, safetensors and .npz."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.atomic_write import write_atomically
from nodeflow.run_store.curves import LOSS, Curve
from nodeflow.run_store.errors import RunStoreProblem
from nodeflow.run_store.run_records import Run, plain
from nodeflow.run_store.store import BEST, FINAL, RunStore
from nodeflow.train.saving.weights import load_weights


def as_json(run: Run) -> dict[str, Any]:
    """Return all facts about a run, as JSON values, without its curves."""
    return plain(vars(run))


def curve_json(curve: Curve) -> dict[str, Any]:
    """Return a curve as lists of equal length."""
    return {
        "step": curve.step.tolist(),
        "epoch": curve.epoch.tolist(),
        "seconds": curve.seconds.tolist(),
        "values": plain(curve.values.tolist()),
    }


def curve_rows(curves: Mapping[str, Curve]) -> Iterator[list[Any]]:
    """Yield the lines of a table of curves, as lists of cells: the titles, then one line for each
    step.

    The line of an epoch's last step also contains the metrics of the epoch.
    """
    loss = curves[LOSS]
    others = [curve for name, curve in curves.items() if name != LOSS]
    yield ["step", "epoch", "seconds", LOSS, *(curve.name for curve in others)]
    ends: list[dict[int, float]] = [
        dict(zip(curve.step.tolist(), curve.values.tolist(), strict=True)) for curve in others
    ]
    known = set(loss.step.tolist())
    columns = (loss.step, loss.epoch, loss.seconds, loss.values)
    for step, *cells in zip(*(column.tolist() for column in columns), strict=True):
        yield [step, *cells, *(found.get(step, "") for found in ends)]
    for curve in others[:1]:  # the ends of epochs whose steps were not kept
        for place, step in enumerate(curve.step.tolist()):
            if step not in known:
                at = [step, curve.epoch[place], curve.seconds[place], ""]
                yield [*at, *(found.get(step, "") for found in ends)]


def curves_csv(curves: Mapping[str, Curve]) -> str:
    """Return the curves as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(curve_rows(curves))
    return text.getvalue()


def export(store: RunStore, run: Run, folder: Path) -> list[str]:
    """Write a run to a new folder and return the names of the files.

    Leave out damaged parts; the store has a notice about each.

    Raises:
        RunStoreProblem: the folder exists and is not empty, or cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise RunStoreProblem(f"{folder} is not empty", hint="Name a new folder.")
        return list(_write(store, run, folder))
    except OSError as error:
        raise RunStoreProblem(f"cannot write to {folder}: {error.strerror or error}") from None


def _write(store: RunStore, run: Run, folder: Path) -> Iterator[str]:
    said = {
        **as_json(run),
        "events": [plain(vars(event)) for event in store.events(run)],
        "tiers": store.tiers(run),
    }
    content = json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    files = {
        "run.json": content.encode(errors="surrogatepass"),
        "curves.csv": curves_csv(store.curves(run)).encode(),
    }
    if run.graph_digest:
        with store.leaving_out():
            files["graph.flow"] = store.graph_text(run).encode(errors="surrogatepass")
    if tables := store.tables(run):
        buffer = io.BytesIO()
        named = {f"{name}/{e}": array for name, found in tables.items() for e, array in found}
        np.savez_compressed(buffer, **named)  # type: ignore[arg-type]
        files["tables.npz"] = buffer.getvalue()
    for name, data in files.items():
        write_atomically(folder / name, data)
        yield name
    for name in (FINAL, BEST):
        with store.leaving_out():
            path = store.checked(run, name)
            if path is not None:
                load_weights(path)  # raises if the weights are damaged
                shutil.copyfile(path, folder / name)
                yield name
