"""``nodeflow runs``: list, show, compare, export and delete kept trainings."""

from __future__ import annotations

import argparse
import contextlib
import shlex
from collections.abc import Iterator
from typing import Any

from nodeflow.atomic_write import write_atomically
from nodeflow.cli.environment import DONE, PROBLEM, Environment
from nodeflow.cli.output_format import json_line, show_notices, value_text
from nodeflow.cli.progress_bar import Progress
from nodeflow.document.diff.text import as_json as difference_json
from nodeflow.document.diff.text import lines
from nodeflow.errors import FileProblem
from nodeflow.manifests import offer
from nodeflow.number_text import bytes_text, counted
from nodeflow.run_store.errors import RunStoreProblem
from nodeflow.run_store.export_run import as_json, curve_json, curves_csv, export
from nodeflow.run_store.past_steps import open_past
from nodeflow.run_store.run_differences import changes
from nodeflow.run_store.run_history import EDITS, RunEdit, history
from nodeflow.run_store.run_records import RUNNING, Run, dumps
from nodeflow.run_store.run_step import RunStep
from nodeflow.run_store.runs_as_text import aligned, figure, table
from nodeflow.run_store.size_limit import bytes_of, limit, set_limit, used_bytes
from nodeflow.run_store.store import BEST, FINAL, RunStore


def list_runs(arguments: argparse.Namespace, environment: Environment) -> None:
    """Print a line for each run, newest first.

    Raises:
        RunStoreProblem: the store cannot be read, or runs are switched off.
    """
    with _reading(environment) as store:
        found = store.runs()
    if arguments.of is not None:
        wanted = environment.path(arguments.of).resolve()
        found = [run for run in found if run.file and environment.path(run.file) == wanted]
    found = found[: arguments.most]
    if arguments.json:
        environment.print(json_line([as_json(run) for run in found]))
        return
    for line in table(found) if found else ():
        environment.print(line)
    if not found:
        environment.message("nodeflow: no run is kept yet")


def show(arguments: argparse.Namespace, environment: Environment) -> None:
    """Print all facts about a run.

    Raises:
        UnknownRun, RunStoreProblem.
    """
    with _reading(environment) as store:
        run = store.find(arguments.run)
        events, tiers = store.events(run), store.tiers(run)
        found = history(store, run)
        curves = store.curves(run)
        files = [name for name in (FINAL, BEST) if store.file(run, name)]
    if arguments.json:
        more = {
            "events": [vars(event) for event in events],
            "edits": [vars(edit) for edit in found.edits],
            "tiers": [{"first": first, "tier": tier} for first, tier in tiers],
            "curves": {name: len(curve) for name, curve in curves.items()},
            "weights": files,
        }
        environment.print(json_line({**as_json(run), **more}))
        return
    for line in aligned(list(_shown(run))):
        environment.print(line)
    for first, tier in tiers:
        environment.print(f"from step {first}: {tier}")
    for edit in found.edits:
        environment.print(_told(edit, run))
    for event in events:
        if event.kind in EDITS:
            continue
        said = f"  {dumps(event.data)}" if event.data else ""
        environment.print(f"step {event.step}: {event.kind}{said}")


def _told(edit: RunEdit, run: Run | None = None) -> str:
    """Return a line about an edit; if the edit belongs to another run than `run`, name that run."""
    where = "" if run is not None and edit.run == run.id else f" of {edit.run}"
    return f"after step {edit.step}{where}: {edit.words}"


def _shown(run: Run) -> Iterator[tuple[str, str]]:
    branch = f"{run.parent} after step {run.parent_step}" if run.parent else ""
    rows = {
        "run": run.id, "name": run.name, "file": run.file, "from": run.surface,
        "begun": run.date, "status": run.status, "ending": run.ending,
        "epochs": run.epochs, "steps": run.steps, "seconds": f"{run.seconds:.1f}",
        "loss": "" if run.loss is None else figure(run.loss), "seed": run.seed,
        "branched from": branch, "states": run.checkpoint,
        "star": "yes" if run.star else "", "tags": ", ".join(run.tags), "note": run.note,
        "files": bytes_text(run.bytes) if run.bytes else "",
    }  # fmt: skip
    yield from ((name, str(value)) for name, value in rows.items() if value != "")
    yield from ((name, figure(value)) for name, value in run.metrics.items())
    if run.best:
        yield "best", f"epoch {run.best['epoch']} by {run.best['by']}"
    yield from ((name, _said(value)) for name, value in run.settings.items())
    for name, data in run.data.items():
        weak = ", weak" if data.get("weak") else ""
        source, digest = data.get("source", "unknown"), data.get("digest") or "unknown"
        yield name, f"{source}, {data.get('rows', 0)} rows, {digest}{weak}"
    yield from run.versions.items()
    yield from run.machine.items()


def curves(arguments: argparse.Namespace, environment: Environment) -> None:
    """Print the curves of a run as CSV, or write them to a file.

    Raises:
        UnknownRun, RunStoreProblem; FileProblem: the file cannot be written.
    """
    with _reading(environment) as store:
        found = store.curves(store.find(arguments.run))
    if arguments.csv is not None:
        path = environment.path(arguments.csv)
        try:
            write_atomically(path, curves_csv(found).encode())
        except OSError as error:
            raise FileProblem(f"cannot write {path}: {error.strerror}") from None
    if arguments.json:
        environment.print(json_line({name: curve_json(c) for name, c in found.items()}))
    elif arguments.csv is None:
        environment.stdout.write(curves_csv(found).replace("\r\n", "\n"))


def at(arguments: argparse.Namespace, environment: Environment) -> None:
    """Print values of tensors in a step of a run, by default of its loss.

    Raises:
        UnknownRun, RunStoreProblem, DataError; RunError: there is no such step.
    """
    allowed = [environment.path(path) for path in arguments.allowed_data]
    with _reading(environment) as store:
        run = store.find(arguments.run)
        found = open_past(
            store,
            run,
            data_dir=arguments.data_dir and environment.path(arguments.data_dir),
            allow_data=allowed,
            threads=arguments.threads,
        )
    names = arguments.fetches or [_loss_of(run)]
    progress, began = Progress(environment), False

    def report(done: int, total: int) -> None:
        nonlocal began
        if not began:
            began = True
            progress.start(total)
        progress.advance(done, f"to step {arguments.step}")

    with RunStep(found) as step:
        step.go_to(arguments.step, report)
        values = step.run(names)
        progress.clear()
        show_notices(step.notices, environment)
        said = {"run": run.id, "step": step.step, "epoch": step.epoch, "notices": step.notices}
    if arguments.json:
        environment.print(json_line({**said, "fetches": dict(zip(names, values, strict=True))}))
        return
    for name, value in zip(names, values, strict=True):
        environment.print(value_text(name, value))


def _loss_of(run: Run) -> str:
    """Return the name of the loss that the run minimised."""
    name = run.settings.get("loss")
    if not isinstance(name, str):
        raise RunStoreProblem(f"the run {run.id} does not name its loss", hint="Give --fetch NAME.")
    return name


def diff(arguments: argparse.Namespace, environment: Environment) -> int:
    """Print the edits and facts that explain the difference of two runs; return 1 if there are any.

    First comes the last common step, then the edits that only one run has (- the first run, + the
    second), then the differences at the end.

    Raises:
        UnknownRun, RunStoreProblem.
    """
    with _reading(environment) as store:
        before, after = store.find(arguments.before), store.find(arguments.after)
        found = changes(store, before, after)
    if arguments.json:
        facts = [vars(change) for change in found.facts]
        graph = [difference_json(one) for one in found.graph]
        before_, after_ = ([vars(edit) for edit in edits] for edits in found.edits)
        parted = found.parted and {"run": found.parted[0].id, "step": found.parted[1]}
        edits = {"before": before_, "after": after_}
        environment.print(
            json_line({"facts": facts, "graph": graph, "edits": edits, "parted": parted})
        )
    else:
        if found.parted is not None:
            run, step = found.parted
            environment.print(f"the same up to step {step}, of {run.id} ({run.name})")
        for sign, edits_ in zip("-+", found.edits, strict=True):
            for edit in edits_:
                environment.print(f"{sign} {_told(edit)}")
        for change in found.facts:
            told = f"{_said(change.before)} -> {_said(change.after)}"
            environment.print(f"~ {change.section} {change.name}: {told}")
        for line in lines(found.graph):
            environment.print(line)
    return PROBLEM if found else DONE


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    return "none" if value is None else value if isinstance(value, str) else dumps(value)


def export_run(arguments: argparse.Namespace, environment: Environment) -> None:
    """Write a run to a folder.

    Raises:
        UnknownRun; RunStoreProblem: the folder is not empty, or cannot be written to.
    """
    with _reading(environment) as store:
        files = export(store, store.find(arguments.run), environment.path(arguments.output))
    if arguments.json:
        environment.print(json_line({"folder": arguments.output, "files": files}))
    else:
        environment.message(f"nodeflow: {', '.join(files)} written to {arguments.output}")


def write_files(arguments: argparse.Namespace, environment: Environment) -> None:
    """Write runs as the files of another program.

    Raises:
        UnknownRun; FileProblem: the folder cannot be written to.
    """
    kind = offer("run_files", arguments.command_runs)
    root = environment.path(arguments.output)
    with _reading(environment) as store:
        found = {run.id: run for run in map(store.find, arguments.runs)}
        kind.load()(store, found.values(), root)
    if arguments.json:
        environment.print(json_line({"folder": arguments.output, "runs": list(found)}))
    else:
        many = counted(len(found), "run")
        look = kind.fields["look"].format(folder=shlex.quote(arguments.output))
        environment.message(f"nodeflow: {many} written; to look: {look}")


def import_runs(arguments: argparse.Namespace, environment: Environment) -> None:
    """Convert the training logs of another program into stored runs, and list these runs.

    Raises:
        FileProblem: there are no such files, or one is damaged.
        RunStoreProblem: the runs cannot be stored.
    """
    kind = offer("run_import", arguments.command_runs)
    with RunStore() as store:
        found = list(kind.load()(store, environment.path(arguments.folder)))
    if arguments.json:
        environment.print(json_line([as_json(run) for run in found]))
        return
    for line in table(found) if found else ():
        environment.print(line)
    if not found:
        environment.message(f"nodeflow: the {kind.label} have nothing to keep")


def delete(arguments: argparse.Namespace, environment: Environment) -> None:
    """Delete runs; if one of them is not found, delete none.

    Raises:
        UnknownRun; RunStoreProblem: a run still trains.
    """
    with _reading(environment) as store:
        found = {run.id: run for run in map(store.find, arguments.runs)}
    for run in found.values():
        if run.status == RUNNING:
            raise RunStoreProblem(f"the run {run.id} still trains", hint="Stop it first.")
    with RunStore(gone=found) as store:
        store.delete(found)
    if arguments.json:
        environment.print(json_line({"deleted": list(found)}))
    else:
        environment.message(f"nodeflow: {counted(len(found), 'run')} deleted")


def show_limit(arguments: argparse.Namespace, environment: Environment) -> None:
    """Print the size limit of the runs, or set it.

    Raises:
        RunStoreProblem: SIZE is no size, or the store cannot be written.
    """
    size = None if arguments.size is None else bytes_of(arguments.size)
    with RunStore(write=size is not None) as store:
        if size is not None:
            set_limit(store, size)
        most, used = limit(store), used_bytes(store, store.runs())
    if arguments.json:
        environment.print(json_line({"limit": most, "used": used}))
    else:
        environment.print(f"{bytes_text(used)} of {bytes_text(most)}")


@contextlib.contextmanager
def _reading(environment: Environment) -> Iterator[RunStore]:
    """Open the store for reading; at the end, print its notices."""
    with RunStore(write=False) as store:
        yield store
        show_notices(store.notices, environment)
