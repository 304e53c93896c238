"""Write the measurements of engine.py into the page about performance: each row with its target.

    python benchmarks/report.py RESULTS... [--write docs/performance_details.md]

RESULTS are files with the JSON lines that engine.py printed. If several have the same case, the
last one counts. Runs with all features of the processor, with ``--cpu avx2`` and with ``--load N``
have separate sections: from ``<!-- engine.py -->``, ``<!-- engine.py --cpu avx2 -->`` and so on to
the next ``<!-- end -->``. The rest of the page stays as it is. Without ``--write`` the sections are
printed.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import local_cases
import model_workloads as models
import row_workloads
import workloads
from limits import Limits
from targets import AT_LIMIT, LOCAL, Target, targets

Row = dict[str, Any]
NAMES = {
    "torch": "PyTorch", "tensorflow": "TensorFlow", "jax": "JAX", "jaxscan": "JAX's scan",
    "onnxruntime": "onnxruntime", "numpy": "numpy", "one_thread": "one thread",
    "best_stepwise": "the best of PyTorch, TensorFlow and JAX",
}  # fmt: skip
COLUMNS = ("torch", "tensorflow", "jax", "jaxscan", "onnxruntime")
TABLES = {
    "Training steps and runs": (*workloads.TRAINING, *workloads.OTHERS),
    "Models": tuple(models.TRAINED),
    "Inference": models.INFER,
    "Products": models.PRODUCTS,
    "Formulas": models.FORMULAS,
    "Drawing, ordering, running sums, rows": row_workloads.CASES,
}


class Run:
    """The measurements of engine.py with one set of options.

    Attributes:
        about: the first line: processor, options.
        limits: the machine's own rates.
        rows: the result of each case that was compared.
        local: results of the cases without peers, in order.
    """

    def __init__(self) -> None:
        self.about: Row = {}
        self.limits: Row = {}
        self.rows: dict[str, Row] = {}
        self.local: dict[str, list[Row]] = {}

    def add(self, lines: Iterable[Row]) -> None:
        """Add results of a later run, which replace earlier results of the same cases."""
        seen = set()
        lines = [*lines]
        limits = final_limits(lines)
        for line in lines:
            case = line.get("case")
            if "processor" in line:
                self.about = line
            elif "limits" in line:
                self.limits = limits.rates()
            elif case in local_cases.CASES:
                if case not in seen:
                    self.local[case] = []
                    seen.add(case)
                self.local[case].append(line)
            elif case is not None:
                self.rows[case] = line
                if "of_limit" in line and (least := limits.us(case)):
                    self.rows[case] = {**line, "of_limit": round(line["median_us"] / least, 2)}

    @property
    def cpu(self) -> str | None:
        return self.about.get("cpu")

    @property
    def load(self) -> int:
        return self.about.get("load", 0)

    def targets(self, case: str) -> tuple[Target, ...]:
        return targets(case, self.cpu, self.load)

    def verdict(self, case: str) -> bool | None:
        return verdict(self.rows[case], self.cpu, self.load)


def final_limits(lines: Iterable[Row]) -> Limits:
    """Return the limits at the end of a run: a case may have come before the fastest product."""
    limits = Limits()
    for line in lines:
        if "limits" in line:
            limits = Limits.of(line["limits"])
        elif line.get("case") in models.PRODUCTS and "median_us" in line:
            peers = line.get("peers_us", {})
            times = [line["median_us"], *(peers[k] for k in line.get("ratios", {}) if k in peers)]
            limits.learn(line["case"], min(times))
    return limits


def marker(cpu: str | None, load: int = 0) -> str:
    """Return the comment before the section of a run."""
    options = (f" --cpu {cpu}" if cpu else "") + (f" --load {load}" if load else "")
    return f"<!-- engine.py{options} -->"


END = "<!-- end -->"


def read_runs(files: Sequence[Path]) -> list[Run]:
    """Return the runs in some files. Runs of one processor, instructions and load are joined."""
    runs: dict[tuple[str, str | None, int], Run] = {}
    for file in files:
        lines = [json.loads(x) for x in file.read_text().splitlines() if x.startswith("{")]
        about = next((line for line in lines if "processor" in line), None)
        if about is None:
            raise SystemExit(f"{file} is no output of engine.py: no line names the processor")
        key = about["processor"], about.get("cpu"), about.get("load", 0)
        runs.setdefault(key, Run()).add(lines)
    return list(runs.values())


def write(page: Path, runs: Sequence[Run]) -> None:
    """Put the sections of some runs into a page.

    Raises:
        SystemExit: the page has no place for a section.
    """
    for run in runs:
        write_section(page, marker(run.cpu, run.load), section(run))


def write_section(page: Path, start: str, made: str) -> None:
    """Put ``made`` between a marker and the end of its section.

    Raises:
        SystemExit: the page has no such section.
    """
    text = page.read_text(encoding="utf-8")
    place = re.compile(rf"{re.escape(start)}\n.*?{re.escape(END)}", re.DOTALL)
    if not place.search(text):
        raise SystemExit(f"{page} has no section between {start} and {END}")
    text = place.sub(lambda _: f"{start}\n{made}\n{END}", text, count=1)
    page.write_text(text, encoding="utf-8")


# ---- the section of a run -----------------------------------------------------------------------


def section(run: Run) -> str:
    """Return Markdown: the machine, the missed targets, then the tables."""
    parts = [_facts(run), _verdict(run)]
    for title, cases in TABLES.items():
        measured = [case for case in cases if case in run.rows]
        if measured:
            parts.append(f"**{title}**\n\n{_table(run, measured)}")
    local = [row for case in local_cases.CASES for row in run.local.get(case, ())]
    plain = [row for row in local if row["case"] != "scaling"]
    if plain:
        parts.append(f"**Start, planning, memory**\n\n{_local_table(plain)}")
    scaling = run.local.get("scaling", [])
    if scaling:
        parts.append(f"**What the task graph predicts**\n\n{_SCALING}\n\n{_scaling_table(scaling)}")
    return "\n\n".join(part for part in parts if part)


def _facts(run: Run) -> str:
    about, text = run.about, f"`{run.about.get('command', 'python benchmarks/engine.py')}`\n\n"
    text += f"{about['processor']}"
    if "isa" in about:
        text += f"; compiled for {about['isa']}"
    busy = "1 busy process" if run.load == 1 else f"{run.load} busy processes"
    text += f"; {about.get('rounds', '?')} rounds, {busy} beside it"
    clock = "processor time of all threads" if about.get("clock") == "cpu" else "time on the clock"
    text += f", {clock}."
    loads = [row["load"] for row in run.rows.values() if row.get("load") is not None]
    if loads:
        text += f" The system's load was {min(loads):.1f} to {max(loads):.1f}."
    if run.limits and not run.load:
        rates = ", ".join(f"{v:,.0f} of {k}" for k, v in run.limits["gflops"].items())
        copies = ", ".join(
            f"{float(v):,.0f} at {_bytes(int(k))}" for k, v in run.limits["copy_gb_per_s"].items()
        )
        text += f"\n\nLimits: {rates}, in 10^9 operations per second; copies, in GB/s: {copies}."
    return text


def _bytes(count: int) -> str:
    return f"{count >> 20} MB" if count >= 1 << 20 else f"{count >> 10} KB"


def _verdict(run: Run) -> str:
    """Return how many targets are met, and by how much the others are missed."""
    judged = {case: run.verdict(case) for case in run.rows}
    missed = [case for case, met in judged.items() if met is False]
    met = sum(v is True for v in judged.values())
    if not met and not missed:
        return ""
    text = f"{met} of {met + len(missed)} cases with a target meet it."
    if missed:
        text += " Missed: " + "; ".join(_miss(run, case) for case in missed) + "."
    failed = [case for case, row in run.rows.items() if "failed" in row]
    if failed:
        text += " Failed: " + ", ".join(f"`{case}`" for case in failed) + "."
    return text


def _miss(run: Run, case: str) -> str:
    ratios, best = (run.rows[case].get(key, {}) for key in ("ratios", "ratios_of_best"))
    parts = []
    for target in run.targets(case):
        if target.is_met(ratios, best) is False:
            whom = NAMES[target.peer]
            parts.append(f"{ratios[target.peer]:.2f} of {whom} ({target.ratio:.2f})")
    return f"`{case}` {', '.join(parts)}"


def verdict(row: Row, cpu: str | None, load: int = 0) -> bool | None:
    """Return whether a case meets its targets; None if it has none or no peer was measured."""
    wanted = targets(row["case"], cpu, load)
    ratios, best = row.get("ratios", {}), row.get("ratios_of_best", {})
    found = [m for t in wanted if (m := t.is_met(ratios, best)) is not None]
    if not found:
        return None
    at_limit = not load and row.get("of_limit", AT_LIMIT + 1) <= AT_LIMIT
    return all(found) or at_limit


def _table(run: Run, cases: Sequence[str]) -> str:
    rows = [run.rows[case] for case in cases]
    wanted = {t.peer for case in cases for t in run.targets(case)}
    peers = (*COLUMNS, *(["numpy"] if "numpy" in wanted else []))
    columns = [c for c in peers if any(c in r.get("peers_us", {}) for r in rows)]
    limited = not run.load  # beside busy processes limits are as unsteady as cases
    limits = ["of the limit"] if limited else []
    head = ["case", "us", *limits, *(NAMES[c] for c in columns), "target", "met"]
    lines = []
    for row in rows:
        if "median_us" not in row:
            lines.append([f"`{row['case']}`", "failed", *[""] * (len(head) - 2)])
            continue
        limits = [f"{row['of_limit']:.2f}" if "of_limit" in row else ""] if limited else []
        wanted = ", ".join(map(_wanted, run.targets(row["case"])))
        met = {True: "yes", False: "no", None: ""}[run.verdict(row["case"])]
        cells = [_ratio(row, column) for column in columns]
        lines.append([f"`{row['case']}`", _us(row["median_us"]), *limits, *cells, wanted, met])
    return _markdown(head, lines)


def _wanted(target: Target) -> str:
    whom = "the best" if target.peer == "best_stepwise" else NAMES[target.peer]
    return f"{target.ratio:.2f} of {whom}"


def _ratio(row: Row, peer: str) -> str:
    """Return ratios of medians and, in brackets, of best calls; a time if no ratio is
    meaningful."""
    if peer in row.get("ratios", {}):
        return f"{row['ratios'][peer]:.2f} ({row['ratios_of_best'][peer]:.2f})"
    times: Mapping[str, float] = row.get("peers_us", {})
    return f"{_us(times[peer])} us" if peer in times else ""


def _us(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


# ---- cases without peers ------------------------------------------------------------------------


def _local_table(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        what, measured, number = _local(row)
        wanted = LOCAL.get(what)
        met = "" if wanted is None else "yes" if number <= wanted else "no"
        lines.append([what, measured, "" if wanted is None else f"{wanted:g}", met])
    return _markdown(["what", "measured", "target", "met"], lines)


def _local(row: Row) -> tuple[str, str, float]:
    """Return a description of the measurement, the figure with its unit, and the figure."""
    what = row.get("what", "")
    if "nodes" in row:
        what = f"planning {row['nodes']} nodes"
    elif "layers" in row:
        what = f"{row['layers']} layers of distinct {row['distinct']}"
    if "unplanned_mb" in row:
        text = f"{row['planned_mb']} MB, {row['unplanned_mb']} MB unplanned"
        return what, text, row["planned_mb"]
    unit = "MB" if "mb" in row else "s"
    number = row["mb" if unit == "MB" else "seconds"]
    return what, f"{number} {unit}", number


_SCALING = """\
Each task is timed by itself on one thread, and then taken, level by level, by as many cores as
there might be: how many times as fast a step would be if nothing but the lengths of tasks counted.
Neither the memory's bandwidth, which cores share, nor the cost of meeting after a level is in it.
The critical path is the sum of each level's longest task."""


def _scaling_table(rows: Sequence[Row]) -> str:
    head = ["case", "work, us", "critical path, us", "levels", "of several tasks",
            *(f"{cores} cores" for cores in rows[0]["speedup"])]  # fmt: skip
    lines = [
        [
            f"`{row['what']}`", _us(row["work_us"]), _us(row["critical_path_us"]),
            str(row["levels"]), str(row["shared_levels"]),
            *(f"{value:.1f}" for value in row["speedup"].values()),
        ]
        for row in rows
    ]  # fmt: skip
    return _markdown(head, lines)


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--write", metavar="PAGE", type=Path, default=None)
    options = parser.parse_args()
    runs = read_runs(options.results)
    if options.write:
        write(options.write, runs)
    else:
        print("\n\n".join(section(run) for run in runs))


if __name__ == "__main__":
    main()
