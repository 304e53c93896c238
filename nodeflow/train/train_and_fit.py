"""`nf.train.train` and `nf.train.fit`: the training loop as users call it from Python."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from nodeflow.data.pipeline.dataset import Dataset
from nodeflow.engine.backend import NUMBA
from nodeflow.engine.feeds import fed_tensor
from nodeflow.engine.fetches import as_target
from nodeflow.engine.runtime.context import Tier
from nodeflow.engine.session import Session
from nodeflow.errors import DataError, GraphError, UnknownName
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors, get_default_graph
from nodeflow.ops.macro_ops import Optimizer
from nodeflow.train import training_files
from nodeflow.train.callbacks import Callback, called
from nodeflow.train.callbacks import checked as callbacks_of
from nodeflow.train.control import Control
from nodeflow.train.events import Event
from nodeflow.train.interrupts import stops_on_signals
from nodeflow.train.loop.checkpointed_training import Keeping, KeptTraining
from nodeflow.train.notebook_progress import in_notebook
from nodeflow.train.processes.shared_control import SharedControl
from nodeflow.train.resume.checkpoints import KEEP
from nodeflow.train.settings import PlainSettings
from nodeflow.train.stepping.datasets import bound_data, measured_rows, train_data
from nodeflow.train.stepping.rows import Rows, bound
from nodeflow.train.training import (
    Binding,
    ElementStream,
    Metric,
    Monitor,
    Phase,
    Training,
    metric_keys,
    minimized,
    scheduled,
)
from nodeflow.train.training_history import History
from nodeflow.train.watched_tensors.bounds import Bounded, can_bound

Target = str | Tensor | Node


class Task(Protocol):
    """The interface of the training task that a loaded graph's file describes
    (`document.build.task`).
    """

    @property
    def trains(self) -> bool: ...
    @property
    def settings(self) -> PlainSettings: ...
    @property
    def sets_batch_size(self) -> bool: ...
    @property
    def chooses_metrics(self) -> bool: ...
    def training(
        self,
        seed: int | None = None,
        *,
        optimizer: Node | None = None,
        loss: Tensor | None = None,
        schedule: Sequence[Phase] = (),
    ) -> Training: ...
    def bindings(self, targets: list[Node]) -> dict[Tensor, Binding]: ...
    def use_saved_weights(self, session: Session) -> list[str]: ...


class Recorder(Protocol):
    """The interface of an object that records trainings in Python as runs (`run_store.api`)."""

    def __call__(self, begun: KeptTraining, name: str | None) -> Iterator[Event]: ...


def train(
    graph: Graph | None = None,
    *,
    optimizer: Target | None = None,
    loss: str | Tensor | None = None,
    schedule: Sequence[Mapping[str, Any] | Target] | None = None,
    data: Rows | Dataset | None = None,
    validation: Rows | Dataset | None = None,
    test: Rows | Dataset | None = None,
    feeds: Mapping[Any, Any] | None = None,
    metrics: Target | Metric | Sequence[Target | Metric] | None = None,
    monitor: str | Tensor | Metric | Monitor | None = None,
    bounds: Mapping[Any, tuple[float | None, float | None]] | None = None,
    session: Session | None = None,
    control: Control | None = None,
    callbacks: Callback | Sequence[Callback] = (),
    first_epoch: int = 1,
    steps_per_epoch: int | None = None,
    tier: Tier = "auto",
    threads: int | None = None,
    backend: str = NUMBA,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int | str | None = None,
    keep: int = KEEP,
    resume: str | os.PathLike[str] | None = None,
    resume_changed: bool = False,
    keep_run: bool = True,
    run_name: str | None = None,
    recorder: Recorder | None = None,
    **settings: Any,
) -> Iterator[Event]:
    """Train a graph, as a stream of events.

    ``for event in nf.train.train(graph, data={x: images, y: labels}, epochs=5)`` yields `Started`
    and `RunKept`, then `Steps` every few milliseconds and an `Epoch` after each pass, and `Done`.
    The training advances only while its events are consumed; leaving the loop ends it. It computes
    the same bits as ``nodeflow train``. A notebook shows a progress bar.

    Args:
        graph: the graph to train; by default the default graph. A graph that `nf.load` read is
            trained as its file describes, on its data set, except for the arguments given here.
        optimizer: the node that each step runs: an optimizer, or a node such as `nf.group` returns.
            Needed only if the graph has several optimizers.
        loss: the scalar to report; by default the scalar that the optimizer minimizes.
        schedule: optimizers that take turns, in place of ``optimizer`` and ``loss``. Each phase is
            an optimizer or ``{"optimizer": d, "steps": 2, "from": 0}``: its turn makes ``steps``
            steps (by default 1), each on the next batch, and it joins after ``from`` steps (by
            default 0). The losses of an epoch are called ``loss/OPTIMIZER``.
        data: the rows to train with, by placeholder, as arrays whose first axis counts rows; or a
            `nf.data.Dataset` whose components have the names of placeholders, or which is bound to
            them. By default the data set that an iterator or ``Dataset.bind`` has connected to the
            graph.
        validation, test: rows of the same placeholders, for metrics and early stopping.
        feeds: values of other placeholders, the same in all steps.
        metrics: scalars to measure after each epoch, on the test split if there is one, else on
            validation, else on the training rows; a `Metric` names its split. By default the
            metrics that the graph's file names, or else the metric nodes of the graph.
        monitor: the value that early stopping watches if ``patience`` is given; by default the loss
            on the validation split, or the training loss without one.
        bounds: the smallest and largest value of a tensor's elements, by tensor, or None for no
            bound; by default the bounds in the graph's file. A training ends if an element leaves
            them.
        session: the session that holds the variables. They keep their values, and variables without
            a value get their initial one. By default a new session, which starts afresh.
        control: pauses and stops the training from another thread.
        callbacks: `Callback` objects, whose functions get the events; one that returns True stops
            the training.
        first_epoch: the first epoch, which determines the order of the rows; above 1 to continue an
            earlier training.
        steps_per_epoch: the elements of an epoch, for an endless data set; by default a pass.
        tier, threads, backend: options of the new session.
        checkpoint: folder for the state of the training. It is written while the training runs, at
            its end, when the loop is left, and on Ctrl-C, SIGTERM or SIGHUP, before the signal
            takes effect.
        every: the interval of checkpoints: steps, ``500``, or seconds, ``"30s"``; by default 60 s.
        keep: the number of newest checkpoints that stay; 0 for all.
        resume: a checkpoint, or a folder of checkpoints. The training resumes from it, with the
            same bits as without the interruption. New checkpoints go to that folder, unless
            ``checkpoint`` is given. If ``checkpoint`` is the same folder and it is empty, the
            training begins.
        resume_changed: whether to resume although graph, data, settings or machine have changed.
        keep_run: whether to keep the training as a run, see `nodeflow.runs`.
        run_name: the name of the run; by default the file and the time.
        recorder: the object that keeps runs; by default the user's store.
        settings: ``epochs``, ``batch_size``, ``seed``, ``shuffle``, ``patience``, ``min_change``,
            ``restore_best``, ``use_averages``, ``allow_nonfinite``: see `train.settings`. An
            integration that writes files of trainings takes their folder by its name, such as
            ``tensorboard="logs"``; each training creates a folder of its own there.

    Raises:
        GraphError: there is no optimizer or no scalar loss, or a setting is unknown.
        FeedError, DataError: rows do not fit their placeholders, or each other.
        NonFiniteError: the loss or a variable is not finite any more.
        OutOfBoundsError: a value left its bounds.
        RunError: a step failed. The variables keep the values from before it.
        CheckpointProblem: there is nothing to resume from, the training has changed, or the folder
            has checkpoints of another one.
    """
    keeping = Keeping.of(checkpoint, every, keep, resume, resume_changed)
    graph = _graph(graph, session)
    files = training_files.taken(settings)
    _check_settings(settings)
    training = _training(graph, optimizer, loss, feeds, settings, schedule)
    splits = {"train": data, "validation": validation, "test": test}
    training = _with_data(training, graph, splits, steps_per_epoch, settings)
    training = _measured(training, graph, metrics, monitor)
    if bounds is not None:
        training = replace(training, bounds=_bounded(graph, bounds))
    record = _Recording(recorder if keep_run else None, run_name, files, callbacks_of(callbacks))
    if session is None:
        options: dict[str, Any] = {"tier": tier, "threads": threads, "backend": backend}
        session = Session(graph, **options, seed=training.seed)
        return in_notebook(
            _in_own_session(session, training, control, first_epoch, keeping, record)
        )
    _initialize(session)
    return in_notebook(_events(session, training, control, first_epoch, keeping, record))


def fit(graph: Graph | None = None, **arguments: Any) -> History:
    """Train a graph to the end. Takes the arguments of `train`.

    Returns:
        Losses and metrics of the epochs, the loss of each step, and the final variables.

    Raises:
        As `train`.
    """
    session = arguments.pop("session", None)
    history = History()
    if session is not None:
        history.record(train(graph, session=session, **arguments))
        history.variables = dict(session.variables.items())
        return history
    options = ("tier", "threads", "backend")
    own: dict[str, Any] = {k: arguments.pop(k) for k in options if k in arguments}
    graph = _graph(graph, None)
    seed = arguments.get("seed", graph.task.settings.seed if graph.task else PlainSettings.seed)
    with Session(graph, **own, seed=seed) as session:
        _start(session)
        history.record(train(graph, session=session, **arguments))
        history.variables = dict(session.variables.items())
    return history


def training_on(
    graph: Graph,
    data: Rows | Dataset | None,
    feeds: Mapping[Any, Any] | None,
    optimizer: Target,
    loss: str | Tensor,
    settings: Mapping[str, Any],
    steps_per_epoch: int | None = None,
    schedule: Sequence[Mapping[str, Any]] | None = None,
) -> Training:
    """Return the training that `train` would run for these arguments, but without metrics.

    Raise the same errors as `train`.
    """
    if schedule:
        training = _training(graph, None, None, feeds, settings, schedule)
    else:
        training = _training(graph, optimizer, loss, feeds, settings)
    splits = {"train": data}
    return replace(_with_data(training, graph, splits, steps_per_epoch, settings), metrics=())


def _graph(graph: Graph | None, session: Session | None) -> Graph:
    if graph is not None and not isinstance(graph, Graph):
        raise GraphError(
            f"expected a Graph to train, not {graph!r:.80}",
            hint="Load a file by nf.load; leave the graph out for the default one.",
        )
    if session is None:
        return graph or get_default_graph()
    if graph is not None and session.graph is not graph:
        raise GraphError(
            "the session runs another graph than the one to train",
            hint="Open it on this graph: nf.Session(graph).",
        )
    return session.graph


def _check_settings(settings: Mapping[str, Any]) -> None:
    for name in settings:
        if name not in PlainSettings().plain():
            known = ", ".join(PlainSettings().plain())
            raise GraphError(
                f"there is no training setting {name!r}", hint=f"The settings are {known}."
            )


# ---- the training -------------------------------------------------------------------------------


def _training(
    graph: Graph,
    optimizer: Target | None,
    loss: str | Tensor | None,
    feeds: Mapping[Any, Any] | None,
    settings: Mapping[str, Any],
    schedule: Sequence[Mapping[str, Any] | Target] | None = None,
) -> Training:
    """Return the training of a graph without metrics. Its data are those named in the graph's file,
    if any.
    """
    task: Task | None = graph.task
    if schedule is not None:
        return _with_schedule(graph, _phases(graph, schedule, optimizer, loss), feeds, settings)
    fixed = {fed_tensor(graph, key): value for key, value in (feeds or {}).items()}
    node = None if optimizer is None else _node(graph, optimizer)
    value = None if loss is None else _tensor(graph, loss)
    plain = {name: v for name, v in settings.items() if v is not None}
    if (
        task is not None
        and (task.trains or node is not None)
        and (value is not None or _has_loss(node))
    ):
        base = task.training(optimizer=node, loss=value)
        bindings = {t: b for t, b in base.bindings.items() if t not in fixed}
        return replace(base, bindings=bindings, feeds={**base.feeds, **fixed}, **plain)
    node = _only_optimizer(graph) if node is None else node
    value = minimized(node) if value is None else value
    return Training(node, value, feeds=fixed, **plain)


def _with_schedule(
    graph: Graph,
    phases: Sequence[Phase],
    feeds: Mapping[Any, Any] | None,
    settings: Mapping[str, Any],
) -> Training:
    task: Task | None = graph.task
    fixed = {fed_tensor(graph, key): value for key, value in (feeds or {}).items()}
    plain = {name: v for name, v in settings.items() if v is not None}
    if task is None:
        return Training(**scheduled(phases), feeds=fixed, **plain)
    base = task.training(schedule=phases)
    bindings = {t: b for t, b in base.bindings.items() if t not in fixed}
    return replace(base, bindings=bindings, feeds={**base.feeds, **fixed}, **plain)


def _phases(
    graph: Graph, schedule: Any, optimizer: Target | None, loss: str | Tensor | None
) -> list[Phase]:
    """Return the phases that a user gave; raise GraphError for anything else."""
    if optimizer is not None or loss is not None:
        raise GraphError(
            "a schedule names its optimizers and their losses",
            hint="Leave optimizer and loss out, or leave the schedule out.",
        )
    if not isinstance(schedule, (list, tuple)) or not schedule:
        raise GraphError(
            f"a schedule is a list of phases, not {schedule!r:.60}",
            hint='Give, for example, [{"optimizer": d, "steps": 2}, {"optimizer": g}].',
        )
    found = []
    for given in schedule:
        phase = given if isinstance(given, Mapping) else {"optimizer": given}
        if "optimizer" not in phase or not phase.keys() <= {"optimizer", "steps", "from", "loss"}:
            raise GraphError(
                f"a phase has an optimizer, steps and from, and this one has {', '.join(phase)}",
                hint='Give, for example, {"optimizer": d, "steps": 2, "from": 0}.',
            )
        node, value = _node(graph, phase["optimizer"]), phase.get("loss")
        minimizes = minimized(node) if value is None else _tensor(graph, value)
        found.append(Phase(node, minimizes, phase.get("steps", 1), phase.get("from", 0)))
    return found


def _with_data(
    training: Training,
    graph: Graph,
    splits: Mapping[str, Any],
    steps_per_epoch: int | None,
    settings: Mapping[str, Any],
) -> Training:
    """Return the training with the given data, or the data that are bound to its placeholders."""
    targets = [training.optimizer, training.loss.node]
    if splits["train"] is None:
        found = bound_data(graph, targets, steps_per_epoch)
    else:
        found = train_data(splits["train"], graph, steps_per_epoch)
    measured = {split: rows for split, rows in splits.items() if split != "train"}
    rows = {s: measured_rows(given, graph, found.places) for s, given in measured.items()}
    bindings = {**training.bindings, **bound(graph, {"train": found.rows, **rows})}
    decided = {n: v for n, v in (found.settings or {}).items() if settings.get(n) is None}
    training = replace(training, bindings=bindings, stream=found.stream, **decided)
    task: Task | None = graph.task
    is_set = (
        settings.get("batch_size") or "batch_size" in decided or (task and task.sets_batch_size)
    )
    return training if is_set else training.with_fitting_batches()


def _has_loss(node: Node | None) -> bool:
    return node is None or isinstance(node.op, Optimizer)


def _only_optimizer(graph: Graph) -> Node:
    found = [n for n in graph.nodes if isinstance(n.op, Optimizer)]
    if len(found) == 1:
        return found[0]
    if found:
        raise GraphError(
            f"there are several optimizers: {', '.join(n.name for n in found)}",
            hint="Choose one, nf.train.train(graph, optimizer=...), or let them take turns: "
            "schedule=[...].",
        )
    raise GraphError(
        "there is no optimizer to train with",
        hint="Add one, such as nf.gradient_descent(loss), or give the node that updates the "
        "variables: nf.train.train(graph, optimizer=..., loss=...).",
    )


def _node(graph: Graph, target: Any) -> Node:
    found = as_target(graph, target)
    return found.node if isinstance(found, Tensor) else found


def _tensor(graph: Graph, target: Any) -> Tensor:
    found = as_target(graph, target)
    if isinstance(found, Node):
        raise UnknownName(f"{found.name} has no value", node=found.name, hint="Give a tensor.")
    return found


def _bounded(graph: Graph, bounds: Mapping[Any, Any]) -> tuple[Bounded, ...]:
    found = []
    for target, ends in bounds.items():
        tensor = _tensor(graph, target)
        is_pair = isinstance(ends, (tuple, list)) and len(ends) == 2
        if not is_pair or not all(e is None or isinstance(e, (int, float)) for e in ends):
            raise GraphError(
                f"bounds are a pair of numbers, not {ends!r:.60}",
                node=tensor.node.name,
                hint="Give (low, high), with None where there is no bound.",
            )
        if not can_bound(tensor.type):
            raise GraphError(
                f"values of type {tensor.type} have no order, so no bounds", node=tensor.node.name
            )
        found.append(Bounded(tensor, *ends))
    return tuple(found)


# ---- metrics ------------------------------------------------------------------------------------


def _measured(training: Training, graph: Graph, metrics: Any, monitor: Any) -> Training:
    """Return the training with the given metrics and monitor."""
    task: Task | None = graph.task
    if metrics is None:
        chosen = [metric for metric in training.metrics if not metric.found]
        kept = _where_there_are_rows(training, chosen)
        free = task is None or not task.chooses_metrics
        training = replace(training, metrics=kept).with_found(graph, metric_nodes=free)
    else:
        given = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
        tensors = [m.tensor if isinstance(m, Metric) else _tensor(graph, m) for m in given]
        training = _with_data_of(training, task, tensors)
        splits = [
            m.split if isinstance(m, Metric) else _split_for(training, t)
            for m, t in zip(given, tensors, strict=True)
        ]
        keys = metric_keys([(t.name, s) for t, s in zip(tensors, splits, strict=True)])
        chosen = [
            m if isinstance(m, Metric) and m.key else replace(_as_metric(m, t, s), key=key)
            for m, t, s, key in zip(given, tensors, splits, keys, strict=True)
        ]
        training = replace(training, metrics=tuple(chosen))
    if training.patience is None:
        if monitor is not None:
            raise GraphError(
                "a monitor is given, and nothing stops the training early",
                hint="Give patience, too: the number of epochs without improvement to wait for.",
            )
        return training
    if monitor is None and training.monitor.metric is not None:
        return training
    watched = _monitor(training, graph, monitor)
    if watched.metric is not None:
        training = _with_data_of(training, task, [watched.metric.tensor])
    return replace(training, monitor=watched)


def _where_there_are_rows(training: Training, metrics: Sequence[Metric]) -> tuple[Metric, ...]:
    """Adapt the metrics of a file to the data. A metric whose split (training, validation or test
    rows) is missing is measured on another one.

    Leave out a metric if it would then be measured twice on the same split.
    """
    found: dict[tuple[Tensor, str], Metric] = {}
    moved = []
    for metric in metrics:
        used = training.used_bindings([metric.tensor.node]).values()
        if all(metric.split in b.dataset.splits for b in used):
            found[metric.tensor, metric.split] = metric
        else:
            moved.append(replace(metric, split=_split_for(training, metric.tensor)))
    for metric in moved:
        found.setdefault((metric.tensor, metric.split), metric)
    if not moved:
        return tuple(metrics)
    keys = metric_keys([(tensor.name, split) for tensor, split in found])
    return tuple(replace(m, key=key) for m, key in zip(found.values(), keys, strict=True))


def _as_metric(given: Any, tensor: Tensor, split: str) -> Metric:
    return given if isinstance(given, Metric) else Metric(tensor, split)


def _with_data_of(training: Training, task: Task | None, tensors: Sequence[Tensor]) -> Training:
    """Return the training with additional data from its file: for the placeholders that the given
    tensors need and that are not yet fed.
    """
    if task is None:
        return training
    more = task.bindings([t.node for t in tensors])
    more = {t: b for t, b in more.items() if t not in training.feeds}
    return replace(training, bindings={**more, **training.bindings})


def _split_for(training: Training, tensor: Tensor) -> str:
    used = training.used_bindings([tensor.node]).values()
    if training.stream and not used and _takes_elements(training.stream, tensor):
        raise DataError(
            "a metric needs rows, but only a stream of training elements is given",
            node=tensor.node.name,
            hint="Give rows to measure it on: validation=... or test=....",
        )
    for split in ("test", "validation"):
        if all(split in b.dataset.splits for b in used):
            return split
    return "train"


def _takes_elements(stream: ElementStream, tensor: Tensor) -> bool:
    return not {t.node for t in stream.places.values()}.isdisjoint(ancestors([tensor.node]))


def _monitor(training: Training, graph: Graph, given: Any) -> Monitor:
    if isinstance(given, Monitor):
        return given
    if isinstance(given, Metric):
        return Monitor(given if given.key else replace(given, key=given.tensor.name))
    if given is None and training.schedule:
        return Monitor()
    if given is None:
        used = training.used_bindings([training.loss.node]).values()
        if not used or not all("validation" in b.dataset.splits for b in used):
            return Monitor()
        given = training.loss
    tensor = _tensor(graph, given)
    for metric in training.metrics:
        if metric.tensor is tensor and metric.split != "train":
            return Monitor(metric, _goal(tensor))
    used = training.used_bindings([tensor.node]).values()
    has = all("validation" in b.dataset.splits for b in used)
    split = "validation" if has else _split_for(training, tensor)
    metric = Metric(tensor, split, key=f"{split}/{tensor.name}")
    return Monitor(metric, _goal(tensor))


def _goal(tensor: Tensor) -> str:
    return "max" if tensor.node.op.category == "Metric" else "min"


# ---- sessions -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Recording:
    """The recorder of the run, if any, the name of the run, the folders of files by kind, and the
    user's callbacks.
    """

    recorder: Recorder | None
    name: str | None
    files: Mapping[str, str | os.PathLike[str]]
    callbacks: tuple[Callback, ...]


def _in_own_session(
    session: Session,
    training: Training,
    control: Control | None,
    first_epoch: int,
    keeping: Keeping,
    record: _Recording,
) -> Iterator[Event]:
    with session:
        _start(session)
        yield from _events(session, training, control, first_epoch, keeping, record)


def _events(
    session: Session,
    training: Training,
    control: Control | None,
    first_epoch: int,
    keeping: Keeping,
    record: _Recording,
) -> Iterator[Event]:
    if control is None:
        control = Control() if session.peers is None else SharedControl(session.peers)
    begun = KeptTraining(session, training, control, keeping, first_epoch)
    if record.recorder is not None:
        found = record.recorder(begun, record.name)
    else:
        found = begun.events()
    for kind, folder in record.files.items():
        found = training_files.begin(kind, folder, record.name or "").watch(
            session, training, found
        )
    if record.callbacks:
        found = called(found, record.callbacks, control)
    if not keeping:
        return found
    return _interruptible(found, control, str(keeping.checkpoint or keeping.resume))


def _interruptible(found: Iterator[Event], control: Control, folder: str) -> Iterator[Event]:
    """Yield the events of a training, and handle signals such as Ctrl-C: stop the training, let it
    write its checkpoint, and only then raise the signal again.
    """
    with stops_on_signals(control, others=False) as caught:
        yield from found
    if caught.number == signal.SIGINT:
        raise KeyboardInterrupt(f"resume={folder!r} goes on")
    if caught.number:
        signal.raise_signal(caught.number)


def _start(session: Session) -> None:
    """Initialize the variables. If the graph's file names a file of weights, load them."""
    session.initialize()
    task: Task | None = session.graph.task
    for notice in task.use_saved_weights(session) if task else ():
        warnings.warn(notice, stacklevel=4)


def _initialize(session: Session) -> None:
    missing = [v.node for v in session.graph.variables if v.node.name not in session.variables]
    if missing:
        session.initialize(missing)
