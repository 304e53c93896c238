"""Cases in one library, in a separate process that waits for work.

    python worker.py LIBRARY CLOCK [THREADS]

CLOCK is wall or cpu: the processor time of all threads, which describes one thread's work better
where other processes keep the cores busy. Each line on standard input is a case and how many
seconds to run it; 0 prepares it and computes once. Each line is answered by one JSON line. So
several libraries take turns, each warm, and are compared in the same seconds.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "peers"), str(HERE.parent)]
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["NODEFLOW_RUNS"] = "off"

import numpy as np  # noqa: E402

MODULES = {
    "nodeflow": "nodeflow_cases",
    "numpy": "numpy_cases",
    "torch": "torch_cases",
    "tensorflow": "tensorflow_cases",
    "jax": "jax_cases",
    "jaxscan": "jax_cases",
    "onnxruntime": "onnxruntime_cases",
}
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def main() -> None:
    library, clock = sys.argv[1], CLOCKS[sys.argv[2]]
    threads = int(sys.argv[3]) if len(sys.argv) > 3 else None
    answer = sys.stdout
    sys.stdout = sys.stderr  # prints of libraries are no answers
    module = importlib.import_module(MODULES[library])
    works = {}
    for line in sys.stdin:
        case, seconds = line.split()
        if case in works:
            say(answer, us=time_work(works[case], float(seconds), clock), peak_mb=peak_mb())
            continue
        works[case] = work = module.prepare(case, threads, library)
        started = time.perf_counter()
        result = work.first()
        first = time.perf_counter() - started
        say(answer, first_s=first, result=digest(result), peak_mb=peak_mb())


def time_work(work, seconds: float, clock) -> list[float]:
    """Return microseconds per unit, for each call that began within ``seconds``."""
    times, end = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        started = clock()
        work.again()
        times.append((clock() - started) / work.units * 1e6)
    return times


def digest(result) -> list[float]:
    """Return a few numbers that stand for a result: up to 64 elements and their mean size."""
    flat = np.concatenate([np.ravel(np.asarray(r, np.float64)) for r in result])
    chosen = flat[np.linspace(0, flat.size - 1, min(flat.size, 64)).astype(int)]
    return [*chosen.tolist(), float(np.abs(flat).mean())]


def peak_mb() -> float:
    """Return the largest resident memory so far, in MB."""
    try:
        import resource
    except ImportError:  # not on Windows
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(stream, **fields: object) -> None:
    stream.write(json.dumps(fields) + "\n")
    stream.flush()


if __name__ == "__main__":
    main()
