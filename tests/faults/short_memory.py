"""Lets readers run short of memory, a megabyte more at a time, until it is enough.

A program of its own: it limits its own address space, so that the system refuses what exceeds it.
Prints a line for each reader; exit status 1 if an error was not one of nodeflow's. Tables are left
out: they are read in pieces of less than a megabyte.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from nodeflow.data.catalog import open_dataset, source_at
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.io.journal import Journal, recover
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.train.saving.checkpoint import read_checkpoint, write_checkpoint
from nodeflow.train.saving.weights import load_weights, save_weights

MEGABYTE = 1 << 20
MOST_MEGABYTES = 200
FEW, MANY = 50, 150_000
REFUSED, PATIENCE_S = 9, 60
Make = Callable[[Path, int], Any]
Read = Callable[[Path], Any]


def document(count: int) -> Document:
    made = Document()
    values = [n / 7 for n in range(count)]
    commands.add_node(made, "constant", (0, 0), attrs={"value": values})
    return made


def array(count: int) -> np.ndarray:
    return np.arange(4 * count, dtype="float32").reshape(-1, 4)


def journal(path: Path, count: int) -> None:
    made = document(count)
    kept = Journal(made, path)
    commands.add_node(made, "constant", (0, 0))
    assert kept._file is not None
    kept._file.close()  # as a crash does


def pictures(path: Path, count: int) -> None:
    side = int(count**0.5) * 5
    for label in "ab":
        (path / label).mkdir(parents=True)
        for number in range(2):
            Image.new("L", (side, side), number).save(path / label / f"{number}.png")


def rows(path: Path) -> Any:
    """The rows of a data file, as a training takes them."""
    splits = open_dataset(source_at(str(path))).splits
    return [
        column.rows(np.arange(min(10, len(column))))
        for one in splits.values()
        for column in one.values()
    ]


def arrays(path: Path, count: int, save: Callable[..., Any]) -> None:
    save(path, x=array(count), y=array(count)[:, 0])


READERS: dict[str, tuple[Make, Read]] = {
    "weights": (lambda p, n: save_weights(p, {"w": array(n)}), load_weights),
    "a checkpoint": (lambda p, n: write_checkpoint(p, {"w": array(n)}, 1), read_checkpoint),
    "a document": (lambda p, n: flow.save(document(n), p), flow.load),
    "a journal": (journal, lambda p: recover(next(p.glob("*.journal")))),
    "x.npz": (partial(arrays, save=np.savez), rows),
    "z.npz": (partial(arrays, save=np.savez_compressed), rows),
    "x.npy": (lambda p, n: np.save(p, array(n)), rows),
    "pictures": (pictures, rows),
}


def address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def in_child(action: Callable[[], int]) -> int:
    """The exit status of a process that does something: the memory of this one stays as it is."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = action()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def refusals(make: Make, read: Read, folder: Path, name: str) -> int:
    """How many limits were too low; raises AssertionError."""
    few, many = folder / "few" / name, folder / "many" / name
    for path, count in ((few, FEW), (many, MANY)):
        path.parent.mkdir(exist_ok=True)
        assert in_child(lambda path=path, count=count: bool(make(path, count)) * 0) == 0
    for megabytes in range(1, MOST_MEGABYTES):
        status = in_child(lambda more=megabytes * MEGABYTE: limited(read, few, many, more))
        if status == 0:
            return megabytes - 1
        assert status == REFUSED, f"with {megabytes} MB: exit status {status}"
    raise AssertionError("no limit is enough")


def limited(read: Read, few: Path, many: Path, more: int) -> int:
    """The exit status of reading with so many bytes more than there are."""
    signal.alarm(PATIENCE_S)
    read(few)  # what is imported and cached once does not count
    resource.setrlimit(resource.RLIMIT_AS, (address_space() + more,) * 2)
    try:
        read(many)
        return 0
    except NodeflowError as error:
        return REFUSED if "memory" in str(error) else 2
    except BaseException as error:
        print(f"{many.name}: {type(error).__name__}: {error}", flush=True)
        return 3


def main() -> int:
    if "MALLOC_MMAP_THRESHOLD_" not in os.environ:  # so that what is freed goes back at once
        sizes = dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(MEGABYTE))
        os.execve(sys.executable, [*sys.orig_argv], {**os.environ, **sizes})
    wrong = 0
    with TemporaryDirectory() as folder:
        for name, (make, read) in READERS.items():
            try:
                print(f"{name}: {refusals(make, read, Path(folder), name)} refusals", flush=True)
            except (Exception, MemoryError) as error:
                wrong += 1
                print(f"{name}: {type(error).__name__}: {error}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
