"""``nodeflow train``: train a graph, report its progress, save its weights."""

from __future__ import annotations

import argparse
import shlex
from contextlib import ExitStack, nullcontext
from pathlib import Path

from nodeflow.cli.environment import DONE, INTERRUPTED, PROBLEM, Environment
from nodeflow.cli.load_graph import load_task, open_session
from nodeflow.cli.option_values import ArgumentProblem
from nodeflow.cli.output_format import (
    say_needs,
    show_notices,
    write_trace,
)
from nodeflow.cli.several_processes import launcher_of
from nodeflow.cli.training_reports import JsonReport, TextReport
from nodeflow.document.io import flow
from nodeflow.document.to_graph.build_result import Build
from nodeflow.document.to_graph.task import Task
from nodeflow.document.to_graph.variable_ids import slot_names, variable_ids
from nodeflow.engine.backend import NUMBA
from nodeflow.engine.session import Session
from nodeflow.engine.warm_up import begin_to_compile
from nodeflow.errors import NonFiniteError, OutOfBoundsError
from nodeflow.paths import runs_folder
from nodeflow.run_store.recording.recorded_facts import About
from nodeflow.run_store.recording.recorder import Recording, recording
from nodeflow.run_store.resume_by_name import resumed_from, states_of
from nodeflow.train import training_files
from nodeflow.train.control import Control
from nodeflow.train.doctor.checks import Doctor
from nodeflow.train.doctor.dead_units import run_of
from nodeflow.train.events import (
    CheckpointWritten,
    Diverged,
)
from nodeflow.train.interrupts import stops_on_signals
from nodeflow.train.loop.checkpointed_training import Keeping, KeptTraining
from nodeflow.train.loop.event_stream import explain, held, needs, profile
from nodeflow.train.processes.shared_control import SharedControl
from nodeflow.train.saving.elsewhere import write_somewhere
from nodeflow.train.saving.weights import check_writable, save_weights
from nodeflow.train.settings import TrainingSettings, declared
from nodeflow.train.training import Training

MONITOR = "training.monitor"


def train(arguments: argparse.Namespace, environment: Environment) -> int:
    """Train a graph. Ctrl-C, SIGTERM and SIGHUP end it after the current step, and results are
    written.

    Raises:
        NodeflowError: an error in file, data, graph or run.
    """
    arguments.settings = [*arguments.settings, *from_options(arguments)]
    launcher = launcher_of(arguments)
    if launcher is not None and (code := launcher.start(arguments, environment)) is not None:
        return code
    if arguments.tier != "reference" and arguments.backend == NUMBA:
        begin_to_compile()
    task = load_task(arguments, environment)
    training = task.training()
    _check_monitor(arguments, task.build.settings)
    for written in filter(None, (arguments.save_weights, arguments.profile)):
        check_writable(environment.path(written))  # fail now, not after an hour of training
    show_notices(task.notices(), environment)
    keeping = _keeping(arguments, environment)
    with (
        nullcontext() if launcher is None else launcher.joined(environment) as peers,
        open_session(task, arguments, environment) as session,
        ExitStack() as ending,
    ):
        session.peers = peers
        control = Control() if peers is None else SharedControl(peers)
        ending.enter_context(stops_on_signals(control))
        if peers is not None and peers.index:
            return _train_along(session, training, control, keeping)
        if arguments.explain:
            environment.print(explain(session, training))
            return DONE
        if arguments.profile:
            write_trace(profile(session, training), arguments.profile, environment)
        if arguments.memory is not None and training.stream is None:
            say_needs(needs(session, training), arguments.memory, environment)
        json = arguments.json
        report = JsonReport(environment) if json else TextReport(environment, training)
        doctor = Doctor(
            training, run_of(session), lambda: held(session, training), if_stopped=False
        )
        kept_as = _recording(arguments, environment, task, keeping)
        begun = KeptTraining(session, training, control, keeping)
        if kept_as is None:
            events = begun.events()
        else:
            events = kept_as.watch(session, training, kept_as.copying(begun).events())
            ending.callback(events.close)
        for kind, folder in training_files.taken(vars(arguments).copy()).items():
            name = arguments.run_name or environment.path(arguments.file).stem
            files = training_files.begin(kind, environment.path(str(folder)), name)
            events = files.watch(session, training, events)
            ending.callback(events.close)
        kept, lost, written = 0, "", None
        try:
            for event in doctor.examined(events):
                report.show(event)
                kept = event.kept_epoch if isinstance(event, Diverged) else kept
                if isinstance(event, CheckpointWritten):
                    lost, written = event.problem, event if event.path else written
        except (NonFiniteError, OutOfBoundsError):
            if arguments.save_weights and kept:  # save an hour's work up to the failure
                _save(arguments, environment, session, task.build)
            raise
        if arguments.save_weights and not _save(arguments, environment, session, task.build):
            lost = arguments.save_weights
    if control.stopped:
        _say_how_to_resume(arguments, environment, written)
        return INTERRUPTED
    return PROBLEM if lost else DONE


def _train_along(session: Session, training: Training, control: Control, keeping: Keeping) -> int:
    """Train as one of several processes; the first process reports and keeps the results."""
    resumption = keeping.found(session, training)
    for _ in KeptTraining(session, training, control, branched=resumption).events():
        pass
    return INTERRUPTED if control.stopped else DONE


def _keeping(arguments: argparse.Namespace, environment: Environment) -> Keeping:
    """Return the options for checkpoints and resuming from the command line.

    Raises:
        ArgumentProblem: an option needs another one, or contradicts it.
    """
    if arguments.resume is None and arguments.resume_changed:
        raise ArgumentProblem("--resume-changed needs --resume", hint="Give --resume DIR, too.")
    if arguments.resume is not None and arguments.weights:
        raise ArgumentProblem(
            "--resume and --weights contradict each other: a checkpoint has all variables"
        )
    for option in ("every", "keep"):
        if getattr(arguments, option) is None or arguments.checkpoint or arguments.resume:
            continue
        raise ArgumentProblem(
            f"--{option} needs a folder for checkpoints", hint="Give --checkpoint DIR."
        )
    checkpoint = environment.path(arguments.checkpoint) if arguments.checkpoint else None
    resume = None
    if arguments.resume is not None:
        resume = resumed_from(environment.path(arguments.resume), arguments.resume)
    return Keeping.of(checkpoint, arguments.every, arguments.keep, resume, arguments.resume_changed)


def _recording(
    arguments: argparse.Namespace, environment: Environment, task: Task, keeping: Keeping
) -> Recording | None:
    """Return the recording of this training as a run; None if it is not to be kept."""
    if arguments.no_run or runs_folder() is None:
        return None
    about = About(
        text=flow.dumps(task.document),
        file=str(environment.path(arguments.file).resolve()),
        surface="cli",
        name=arguments.run_name or "",
        ids=(variable_ids(task.build), slot_names(task.build)),
        **states_of(keeping),
    )
    return recording(about)


def _say_how_to_resume(
    arguments: argparse.Namespace, environment: Environment, written: CheckpointWritten | None
) -> None:
    """Print the command that resumes from the last checkpoint."""
    if written is None:
        return
    again = ["nodeflow", "train", arguments.file]
    for option, values in (
        ("--set", arguments.settings),
        ("--dataset", arguments.datasets),
        ("--feed", arguments.feeds),
        ("--without", arguments.without),
    ):
        again += [part for value in values for part in (option, value)]
    if arguments.data_dir:
        again += ["--data-dir", arguments.data_dir]
    if arguments.tier != "auto":
        again += ["--tier", arguments.tier]
    if arguments.backend != NUMBA:
        again += ["--backend", arguments.backend]
    if (launcher := launcher_of(arguments)) is not None:
        again += launcher.words(arguments)
    place = Path(written.path)
    usual = environment.path(arguments.checkpoint or arguments.resume)
    folder = arguments.checkpoint or arguments.resume if place.parent == usual else written.path
    environment.message(
        f"nodeflow: stopped after step {written.step}; to resume: "
        f"{shlex.join([*again, '--resume', folder])}"
    )


def from_options(arguments: argparse.Namespace) -> list[str]:
    """Convert options such as ``--epochs 3`` to ``--set training.epochs=3``."""
    options = (s.name for s in declared(TrainingSettings) if s.option)
    given = {name: getattr(arguments, name) for name in options}
    return [f"training.{name}={value}" for name, value in given.items() if value is not None]


def _check_monitor(arguments: argparse.Namespace, settings: TrainingSettings) -> None:
    """Check that early stopping is on if ``--monitor`` is given.

    Raises:
        ArgumentProblem: ``--monitor`` is given, and no option or setting switches early stopping
            on.
    """
    given = any(text.startswith(f"{MONITOR}=") for text in arguments.settings)
    if given and settings.monitor is not None and settings.patience is None:
        raise ArgumentProblem(
            "--monitor says what early stopping watches, but early stopping is off",
            hint="Switch it on with --patience, such as --patience 5.",
        )


def _save(
    arguments: argparse.Namespace, environment: Environment, session: Session, built: Build
) -> bool:
    """Save the weights, in another folder if necessary. Return whether the intended file was
    written.
    """
    variables = dict(session.variables.items())
    ids, slots = variable_ids(built), slot_names(built)
    where, problem = write_somewhere(
        environment.path(arguments.save_weights),
        lambda path: save_weights(path, variables, ids, slots),
    )
    if problem is None:
        environment.message(f"nodeflow: weights saved to {arguments.save_weights}")
        return True
    environment.message(f"nodeflow: {problem.message}; the weights are in {where}")
    return False
