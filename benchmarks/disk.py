"""Compare training from files with training from memory: steps per second, and memory.

    python benchmarks/disk.py [--case npz] [--megabytes 400] [--rounds 9]
    python benchmarks/disk.py --case pictures [--pictures 6000] [--side 64]
    python benchmarks/disk.py --resident 2000

Files are made in a temporary folder and removed afterwards. The MNIST network trains on rows of 784
bytes, shuffled in each round. Both sides run in turn, and the ratio is the median over the rounds.
Files are read once before, so that they are in the page cache (`direct`: kernels gather from the
map; `staged` reads ahead, as with files that do not fit into memory). The losses must have the same
bits. Processor time is reported with wall time, because other load disturbs it less.

For pictures, `together` trains while pictures are decoded, `steps` trains from memory, and
`decoding` only reads pictures, as training does. The goal is 0.9 of the slower one of the last two.
Each must have its share of the cores for that, so steps run on one thread. ``--resident N`` runs
`nodeflow train` on a file of N megabytes. It prints the peak resident memory, and how much of it
are pages of the file: once with the defaults and once with NODEFLOW_MAP_LIMIT=200MB.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from nodeflow_cases import mnist_graph
from processor_time import Cost

import nodeflow as nf
from nodeflow.data.catalog import open_dataset
from nodeflow.engine.columns import Column
from nodeflow.engine.mapped_rows import MAP_VARIABLE

PIXELS = 784
BATCH = 100
SHARES: dict[str, Any] = {"shuffle": False, "splits": [1.0]}


def write_rows(path: Path, megabytes: int, shape: tuple[int, ...] = (28, 28)) -> int:
    """Write a file of pictures and labels, .npz or .npy (pictures only). Return the number of
    rows."""
    rows = megabytes * 10**6 // PIXELS
    made = np.lib.format.open_memmap(path.with_suffix(".npy"), "w+", np.uint8, (rows, 28, 28))
    random = np.random.default_rng(0)
    for start in range(0, rows, 50_000):
        part = made[start : start + 50_000]
        part[:] = random.integers(0, 256, part.shape, np.uint8)
    made.flush()
    if path.suffix == ".npz":
        labels = random.integers(0, 10, rows).astype(np.uint8)
        np.savez(path, images=made.reshape(rows, *shape), labels=labels)
        path.with_suffix(".npy").unlink()
    return rows


class Side:
    """One way to train."""

    def __init__(self, columns: dict[str, Column], threads: int | None = None) -> None:
        graph, x, y, loss = mnist_graph("gradient_descent", learning_rate=0.5)
        self.session = nf.Session(graph, tier="compiled", threads=threads)
        self.session.initialize()
        self.rows = len(columns["images"])
        fed = {x: columns["images"], y: columns["labels"]}
        self.stepper = self.session.stepper(["train"], [loss], fed, BATCH)
        self.rates: list[float] = []
        self.costs: list[float] = []

    def run(self, order: np.ndarray) -> np.ndarray:
        """Make the steps of an order. Return their losses."""
        self.stepper.start_epoch(order)
        cost, start, parts = Cost(), time.perf_counter(), []
        while self.stepper.steps_left:
            parts.append(self.stepper.run(self.stepper.steps_left)[1])
        seconds, steps = time.perf_counter() - start, len(order) // BATCH
        self.rates.append(steps / seconds)
        self.costs.append(cost.stop().own / steps)
        return np.concatenate(parts)


def flat(column: Column) -> Column:
    """Return a column of pictures as rows of pixels, which the graph takes."""
    from nodeflow.engine.columns import LazyColumn, mapped_column
    from nodeflow.engine.mapped_rows import FileMap

    assert isinstance(column, LazyColumn) and hasattr(column.read, "file")
    file = column.read.file
    rows = FileMap(file.path, (len(file.array), PIXELS), file.array.dtype, file.start)
    return mapped_column(rows, "float32", scale=1 / 255).take(column.numbers)


def rows_case(ending: str, megabytes: int, rounds: int, staged: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="nodeflow-disk-") as name:
        path = Path(name) / f"rows.{ending}"
        rows = write_rows(path, megabytes)
        if staged:
            os.environ[MAP_VARIABLE] = "1MB"
        dataset = open_dataset(f"{ending}:{path}", **SHARES)
        os.environ.pop(MAP_VARIABLE, None)
        mapped = flat(dataset.split("train")["images"])
        labels = Column(np.arange(rows) % 10, "float32", depth=10)
        memory = Column(mapped.stored(slice(0, rows)), "float32", scale=1 / 255)
        sides = {"memory": Side({"images": memory, "labels": labels}),
                 "file": Side({"images": mapped, "labels": labels})}  # fmt: skip
        steps = min(rows // BATCH, 600)
        same = True
        for number in range(rounds + 1):
            order = np.random.default_rng(number).permutation(rows)[: steps * BATCH]
            names = list(sides) if number % 2 else list(sides)[::-1]
            losses = {name: sides[name].run(order) for name in names}
            same &= bool(np.array_equal(*losses.values()))
        report(f"{ending} {'staged' if staged else 'direct'}", sides, same, megabytes)


def report(case: str, sides: dict[str, Side], same: bool, megabytes: int) -> None:
    memory, file = sides["memory"], sides["file"]
    ratios = [f / m for m, f in zip(memory.rates[1:], file.rates[1:], strict=True)]
    costs = [m / f for m, f in zip(memory.costs[1:], file.costs[1:], strict=True)]
    line: dict[str, Any] = {"case": case, "megabytes": megabytes, "same_bits": same}
    line |= {"memory_steps_per_s": round(statistics.median(memory.rates[1:]))}
    line |= {"file_steps_per_s": round(statistics.median(file.rates[1:]))}
    line |= {"ratio": round(statistics.median(ratios), 3), "least": round(min(ratios), 3)}
    line |= {"first_round": round(file.rates[0] / memory.rates[0], 3)}
    print(json.dumps({**line, "ratio_of_processor_time": round(statistics.median(costs), 3)}))


# ---- pictures -----------------------------------------------------------------------------------


def write_pictures(folder: Path, count: int, side: int) -> None:
    from PIL import Image

    random = np.random.default_rng(0)
    for number in range(count):
        place = folder / f"class{number % 10}"
        place.mkdir(exist_ok=True)
        small = random.integers(0, 256, (side // 8, side // 8), np.uint8)
        Image.fromarray(small).resize((side, side)).save(place / f"{number:06}.png")


def pictures_case(count: int, side: int, rounds: int) -> None:
    from nodeflow.data.pictures import files

    files.PictureReader.__init__.__defaults__ = (0,)  # no picture is kept: every epoch decodes all
    with tempfile.TemporaryDirectory(prefix="nodeflow-disk-") as name:
        write_pictures(Path(name), count, side)
        options = {**SHARES, "size": [28, 28], "color": "grey", "layout": "row"}
        columns = dict(open_dataset(f"pictures:{name}", **options).split("train"))
        pixels = columns["images"].stored(slice(0, count))
        memory = {**columns, "images": Column(pixels, "float32", scale=1 / 255)}
        steps, together = Side(memory, threads=1), Side(columns, threads=1)
        decoding: list[float] = []
        same = True
        for number in range(rounds + 1):
            order = np.random.default_rng(number).permutation(count)[: count // BATCH * BATCH]
            start = time.perf_counter()
            for at in range(0, len(order), 16 * BATCH):
                columns["images"].stored(order[at : at + 16 * BATCH])
            decoding.append(len(order) / BATCH / (time.perf_counter() - start))
            same &= bool(np.array_equal(together.run(order), steps.run(order)))
        slower = [min(s, d) for s, d in zip(steps.rates[1:], decoding[1:], strict=True)]
        ratios = [t / s for t, s in zip(together.rates[1:], slower, strict=True)]
        line: dict[str, Any] = {"case": "pictures", "pictures": count, "side": side}
        line |= {"same_bits": same, "steps_per_s": round(statistics.median(steps.rates[1:]), 1)}
        line |= {"decoding_steps_per_s": round(statistics.median(decoding[1:]), 1)}
        line |= {"together_steps_per_s": round(statistics.median(together.rates[1:]), 1)}
        print(json.dumps({**line, "ratio": round(statistics.median(ratios), 3)}))


# ---- resident memory ----------------------------------------------------------------------------


def resident(megabytes: int) -> None:
    """Print the peak memory of a training on a large file, and how much of it are pages of the
    file."""
    from nodeflow.document.edit import commands
    from nodeflow.document.io import flow
    from nodeflow.resources import example

    with tempfile.TemporaryDirectory(prefix="nodeflow-disk-") as name:
        path = Path(name) / "rows.npz"
        rows = write_rows(path, megabytes, (PIXELS,))
        document = flow.load(example("mnist"))
        node = next(n for n in document.nodes.values() if n.op == "dataset")
        commands.set_attr(document, node.id, "source", f"npz:{path}")
        commands.set_training(document, epochs=1)
        flow.save(document, Path(name) / "large.flow")
        for limit in (None, "200MB"):
            environment = {**os.environ, "NODEFLOW_RUNS": "off"}
            if limit is not None:
                environment[MAP_VARIABLE] = limit
            command = [sys.executable, "-m", "nodeflow", "train", f"{name}/large.flow"]
            start = time.perf_counter()
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
            resident, anonymous = watch(process)
            process.wait()
            line: dict[str, Any] = {"case": "resident", "file_mb": megabytes, "rows": rows}
            line |= {"map_limit": limit, "peak_mb": round(resident / 1e6)}
            line |= {"peak_without_file_mb": round(anonymous / 1e6)}
            print(json.dumps({**line, "seconds": round(time.perf_counter() - start, 1)}))


def watch(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Return the most resident and the most anonymous memory of a process until it ends, in
    bytes."""
    found = {"VmHWM:": 0, "RssAnon:": 0}

    def look() -> None:
        while True:
            try:
                text = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                return
            for row in text.splitlines():
                name = row.split()[0]
                if name in found:
                    found[name] = max(found[name], 1024 * int(row.split()[1]))
            if "State:\tZ" in text:
                return
            time.sleep(0.05)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found["VmHWM:"], found["RssAnon:"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--case", choices=("npz", "npy", "pictures", "all"), default="all")
    parser.add_argument("--megabytes", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--pictures", type=int, default=6000)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--resident", type=int, metavar="MEGABYTES")
    options = parser.parse_args()
    if options.resident:
        resident(options.resident)
        return
    for ending in ("npz", "npy"):
        if options.case in (ending, "all"):
            rows_case(ending, options.megabytes, options.rounds, staged=False)
            rows_case(ending, options.megabytes, options.rounds, staged=True)
    if options.case in ("pictures", "all"):
        pictures_case(options.pictures, options.side, options.rounds)


if __name__ == "__main__":
    main()
