"""Removal of what killed processes left in the store: temporary files, and files of deleted
runs.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import time

from nodeflow.run_store.run_records import RUNNING, is_id
from nodeflow.run_store.store import RunStore

YOUNG_SECONDS = 3600.0
"""Seconds during which a file may still be in use by the process that writes it."""
_TEMPORARY = re.compile(r"\.(final|best|past|past-\d+)\.safetensors\.[a-z0-9_]{8}")


def clear_leftovers(store: RunStore) -> None:
    """Remove temporary files in the folders of runs, and folders of runs that are gone.

    Keep all folders if a row of the store is damaged, because its id may name one of them.
    """
    runs = {run.id: run for run in store.runs()}
    whole = not store.notices and not any(run.damaged for run in runs.values())
    with contextlib.suppress(OSError):
        for place in store.folder.iterdir():
            if not is_id(place.name) or not place.is_dir():
                continue
            run, old = runs.get(place.name), time.time() - YOUNG_SECONDS
            if run is None and whole and place.stat().st_mtime < old:
                shutil.rmtree(place, ignore_errors=True)
            elif run is not None and run.status != RUNNING:
                for file in place.iterdir():
                    if _TEMPORARY.fullmatch(file.name) and file.stat().st_mtime < old:
                        file.unlink(missing_ok=True)
