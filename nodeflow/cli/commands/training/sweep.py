"""``nodeflow sweep``: train a graph with many values of attributes and settings, several at once.

Each trial is a run. If a trial fails, this is reported, and the others continue.
"""

from __future__ import annotations

import argparse
import json
import queue
import signal
import threading
from collections.abc import Sequence
from typing import Any

from nodeflow.cli.environment import DONE, INTERRUPTED, PROBLEM, Environment
from nodeflow.cli.load_graph import load_document
from nodeflow.cli.option_values import ArgumentProblem, ArgumentSyntax, split_assignment
from nodeflow.cli.output_format import duration, json_line, plural
from nodeflow.document.analysis.datasets.dataset_node import allow_source
from nodeflow.document.edit import commands
from nodeflow.document.edit.sweep_settings import spec_texts, sweep_of
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.paths import runs_folder
from nodeflow.run_store.errors import RunStoreProblem
from nodeflow.run_store.runs_as_text import aligned, figure
from nodeflow.run_store.store import RunStore
from nodeflow.sweeps.checks import check_spec
from nodeflow.sweeps.kept import free_name
from nodeflow.sweeps.plan import GRID, RANDOM, Plan, pruning
from nodeflow.sweeps.results import CANCELLED, FAILED, PRUNED, Result, correlations, ranked
from nodeflow.sweeps.setup import Setup
from nodeflow.sweeps.sources import source_of
from nodeflow.sweeps.sweep import Sweep, threads_each
from nodeflow.sweeps.value_specs import Spec, SpecProblem, spec_of

_FORM = "NODE.ATTR=SPEC, as in train.learning_rate=0.1..0.5"
INTERRUPT = "interrupt"
"""The marker that Ctrl-C puts into the queue of results."""
SHOWN = 10
"""Maximum number of trials in the final table."""


def sweep(arguments: argparse.Namespace, environment: Environment) -> int:
    """Train all trials and print the best. Ctrl-C ends the running ones.

    Raises:
        RunStoreProblem: runs are switched off, or cannot be written.
        SpecProblem: a value cannot be understood, or nothing varies.
        NotOffered, SoftwareMissing: the sampler is not installed.
        FileProblem, UnknownName, AttributeProblem: an error in the file, or in a name.
    """
    specs, fixed = _parted(arguments.settings)
    arguments.settings = fixed
    document = load_document(arguments, environment)
    specs = specs or [spec for spec in map(_spec, spec_texts(document).items()) if spec]
    if fixed and not specs:
        raise SpecProblem(
            f"{fixed[0]!r} is a single value, so nothing varies in this sweep",
            hint="Give a list or a range: --set training.batch_size=[10, 20], "
            "--set train.learning_rate=0.1..0.5.",
        )
    for spec in specs:
        check_spec(document, spec)
        if spec.name.endswith(".source"):  # the user wrote the path into the command
            for value in spec.values:
                allow_source(document, str(value))
    plan = _plan(arguments, document, specs)
    source_of(plan)  # raises if the plan is wrong
    if runs_folder() is None:
        raise RunStoreProblem(
            "a sweep keeps its trials as runs, and NODEFLOW_RUNS is off", hint="Unset it."
        )
    said: queue.SimpleQueue[Result | str | None] = queue.SimpleQueue()

    def hear(result: Result) -> None:
        if result.is_over:
            said.put(result)

    found = Sweep(plan, _setup(arguments, document, environment, plan.parallel), hear)
    thread = threading.Thread(target=_run, args=(found, said), name="nodeflow-sweep", daemon=True)
    interrupted = False
    # a KeyboardInterrupt may be raised between two iterations of a loop, where nothing catches it
    before = signal.signal(signal.SIGINT, lambda *_: said.put(INTERRUPT))
    try:
        thread.start()
        while (result := said.get()) is not None:
            if not isinstance(result, str):
                _report(result, found.count, arguments.json, environment)
            else:
                found.kill() if interrupted else found.cancel()
                interrupted = True
    finally:
        signal.signal(signal.SIGINT, before)
    results = list(found.results.values())
    _finish(results, arguments.json, environment)
    if interrupted:
        return INTERRUPTED
    if found.problem:
        environment.message(f"nodeflow: the sweep is not kept: {found.problem}")
    return PROBLEM if any(result.state == FAILED for result in results) else DONE


def _run(found: Sweep, said: queue.SimpleQueue[Result | str | None]) -> None:
    try:
        found.run()
    finally:
        said.put(None)


def _parted(settings: Sequence[str]) -> tuple[list[Spec], list[str]]:
    """Split settings into those that vary between trials, and those that are the same in all
    trials.
    """
    specs, fixed = [], []
    for text in settings:
        name, value = split_assignment(text, _FORM)
        if not all(name.rpartition(".")):
            raise ArgumentSyntax(f"{text!r} is not of the form {_FORM}")
        spec = spec_of(name, value)
        if spec is None:
            fixed.append(text)
        else:
            specs.append(spec)
    return specs, fixed


def _spec(named: tuple[str, str]) -> Spec | None:
    return spec_of(*named)


def _plan(arguments: argparse.Namespace, document: Document, specs: Sequence[Spec]) -> Plan:
    """Return the plan of a hyperparameter sweep from the command line's options.

    An option that is missing is taken from the sweep stored in the document.
    """
    kept = sweep_of(document)
    sampler = arguments.sampler or (RANDOM if arguments.trials else kept.get("sampler", GRID))
    wants_prune = getattr(arguments, "prune", False)  # an option only if a sampler can do it
    if wants_prune and sampler not in pruning():
        raise ArgumentProblem(
            f"the sampler {sampler} ends no trial early",
            hint=f"Add --sampler {' or '.join(pruning())}.",
        )
    if sampler != GRID and not arguments.trials and "trials" not in kept:
        raise ArgumentProblem(
            f"--sampler {sampler} needs a number of trials",
            hint="Give it with --trials, as in --trials 30.",
        )
    if sampler == GRID and arguments.trials:
        raise ArgumentProblem(
            "--sampler grid tries every combination, so --trials has no effect",
            hint="Leave one of them out.",
        )
    draw_seed, parallel = arguments.draw_seed, arguments.parallel
    return Plan(
        tuple(specs),
        sampler,
        arguments.trials or kept.get("trials", 1),
        kept.get("seed", 1) if draw_seed is None else draw_seed,
        parallel or max(1, kept.get("parallel", 1)),
        wants_prune or (sampler in pruning() and bool(kept.get("prune"))),
    )


def _setup(
    arguments: argparse.Namespace, document: Document, environment: Environment, parallel: int
) -> Setup:
    """Return the common setup of all trials."""
    for name in ("epochs", "seed"):
        if getattr(arguments, name) is not None:
            commands.set_training(document, **{name: getattr(arguments, name)})
    stem = document.path.stem if document.path else ""
    with RunStore() as store:
        name = free_name(store, arguments.name or f"sweep {stem}".strip())
    data_dir, plugins = (
        str(environment.path(given)) if given else None
        for given in (arguments.data_dir, arguments.plugins)
    )
    return Setup(
        flow.dumps(document),
        name,
        file=str(document.path.resolve()) if document.path else "",
        allowed=document.allowed,
        tier=arguments.tier,
        threads=arguments.threads or threads_each(parallel),
        data_dir=data_dir,
        plugins=plugins,
    )


def _report(result: Result, count: int, as_json: bool, environment: Environment) -> None:
    """Report how a trial ended."""
    if as_json:
        environment.print(json_line({"event": "trial", **_plain(result)}))
        return
    values = "  ".join(f"{name} {_text(value)}" for name, value in result.trial.values.items())
    outcome = result.problem or f"{result.key} {figure(result.value)}".strip()
    if result.state in (PRUNED, CANCELLED):
        outcome = f"{result.state} after epoch {result.epoch}, {outcome}"
    place = f"trial {result.trial.number} of {count}"
    environment.print(f"{place}  {values}  {outcome}  {duration(result.seconds)}")


def _finish(results: Sequence[Result], as_json: bool, environment: Environment) -> None:
    """Print the best trials, and the rank correlation of each parameter with the result."""
    best, related = ranked(results), correlations(results)
    if as_json:
        fields = {"event": "done", "trials": [_plain(one) for one in best]}
        environment.print(json_line({**fields, "rank_correlation": related}))
        return
    if not best:
        return
    names = list(best[0].trial.values)
    key = next((one.key for one in best if one.key), "result")
    rows = [("trial", *names, key, "run")]
    rows += [
        (
            str(one.trial.number),
            *(_text(one.trial.values[name]) for name in names),
            "failed" if one.state == FAILED else figure(one.value),
            one.run,
        )
        for one in best[:SHOWN]
    ]
    environment.print()
    for line in aligned(rows):
        environment.print(line)
    for name, value in related.items():
        environment.print(f"rank correlation of {name} with {key}: {value:+.2f}")
    failed = sum(one.state == FAILED for one in best)
    if failed:
        environment.print(f"{plural(failed, 'trial')} failed")


def _plain(result: Result) -> dict[str, Any]:
    return {
        "trial": result.trial.number,
        "values": dict(result.trial.values),
        "state": result.state,
        "run": result.run or None,
        "key": result.key or None,
        "value": None if result.value != result.value else result.value,
        "epoch": result.best_epoch or None,
        "seconds": round(result.seconds, 3),
        **({"problem": result.problem} if result.problem else {}),
    }


def _text(value: Any) -> str:
    return figure(value) if isinstance(value, float) else json.dumps(value)
