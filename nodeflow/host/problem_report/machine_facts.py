"""Facts about the machine for a bug report: versions, processor, cache, data, display."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from nodeflow.manifests import integrations

PACKAGES = (
    "nodeflow",
    "numpy",
    "numba",
    "llvmlite",
    "scipy",
    "PySide6-Essentials",
    "pyqtgraph",
    "safetensors",
    "pillow",
)

NUM_THREADS = "NODEFLOW_NUM_THREADS"


def collect() -> dict[str, dict[str, Any]]:
    """Return all facts about this machine for a problem report, by section. Loads the engine and
    numba.
    """
    return {
        "versions": _versions(),
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
        },
        "engine": _engine(),
        "data": _data(),
        "runs": _runs(),
        "display": _display(),
    }


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    others = (each.software.title for each in integrations() if each.software is not None)
    for package in (*PACKAGES, *others):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _engine() -> dict[str, Any]:
    from nodeflow.engine.caches import caches
    from nodeflow.engine.compiler.cache import cache_info
    from nodeflow.engine.devicelib.blas import blas_info
    from nodeflow.engine.runtime.thread_pool import default_threads

    blas = {f"blas {k}": v for k, v in blas_info().items()}
    cache = {f"cache {k}": v for k, v in cache_info().items()}
    threads = {"threads": default_threads(), NUM_THREADS: _num_threads()}
    return {**threads, "caches": caches().text, **blas, **cache}


def _num_threads() -> str:
    text = os.environ.get(NUM_THREADS, "not set")
    if text == "not set" or (text.isdecimal() and int(text) > 0):
        return text
    return f"{text!r} is not a positive whole number and is ignored"


def _data() -> dict[str, str]:
    from nodeflow.data.sources.mnist import find, places

    used = find()
    return {
        f"mnist {p.kind}": f"{p.folder} ({'used' if p == used else 'no' if p.missing else 'yes'})"
        for p in places()
    }


def _runs() -> dict[str, Any]:
    from nodeflow.paths import RUNS_VARIABLE, runs_folder
    from nodeflow.run_store.errors import RunStoreProblem
    from nodeflow.run_store.store import RunStore

    folder = runs_folder()
    found = {RUNS_VARIABLE: os.environ.get(RUNS_VARIABLE, "not set")}
    if folder is None:
        return found
    journals = {"wal": "write-ahead log", "delete": "rollback journal: memory is not shared there"}
    try:
        with RunStore(folder, write=False) as store:
            state = f"{len(store.runs())} runs, {journals.get(store.journal, store.journal)}"
            state = state if store.journal else "nothing is kept yet"
    except RunStoreProblem as error:
        state = str(error)
    return {**found, "runs folder": str(folder), "runs state": state}


def _display() -> dict[str, str]:
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "QT_SCALE_FACTOR")
    return {name: os.environ.get(name, "not set") for name in names}
