"""Resuming a training from the state in a folder of checkpoints, if the state still fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nodeflow.engine.session import Session
from nodeflow.errors import FileProblem, SurfaceText
from nodeflow.number_text import counted
from nodeflow.train.resume.checkpoints import check_lists, existing, manifests, read_tiers
from nodeflow.train.resume.identity import differences, identity_of
from nodeflow.train.saving.checkpoint import NO_SUMS, CheckpointProblem, read_manifest
from nodeflow.train.saving.checkpoint_state import checkpoint_exists
from nodeflow.train.saving.weights import Saved, match
from nodeflow.train.training import Training
from nodeflow.train.training_state import TrainingState, state_of
from nodeflow.train.tunable_numbers import Numbers


@dataclass(frozen=True)
class Resumption:
    """A training to resume.

    Attributes:
        state: the state to resume from, adapted to changes.
        folder: the folder of the checkpoint; None if it is in memory.
        identity: the identity of the resumed training; None if it is not known yet.
        notices: facts that the user has to know.
    """

    state: TrainingState
    folder: Path | None
    identity: Mapping[str, Any] | None
    notices: tuple[str, ...] = ()

    def is_in(self, folder: Path) -> bool:
        """Return whether the checkpoint lies in a folder."""
        return self.folder is not None and self.folder.resolve() == folder.resolve()


class ChangedProblem(CheckpointProblem):
    """A training that differs from the checkpoint's training, so that the bits would differ.

    Remedy: Undo the change, or allow it with --resume-changed.
    """


def resume(
    session: Session, training: Training, path: Path, *, changed: bool = False
) -> Resumption:
    """Return the state for resuming a training.

    Args:
        path: a checkpoint, or a folder of checkpoints, whose newest intact one is used.
        changed: whether to resume although graph, data, settings or machine have changed.

    Raises:
        CheckpointProblem: there is no checkpoint of a training.
        ChangedProblem: something has changed. The message names all differences.
    """
    found, state, notices = _newest(path)
    identity = identity_of(session, training)
    differing = differences(_with_numbers(state, identity, training), identity)
    if differing and not changed:
        raise ChangedProblem(
            f"this is not the training of {found}; changes: {', '.join(differing)}",
            hint=SurfaceText(
                "resume_changed=True resumes anyway, with other bits.",
                cli="--resume-changed resumes anyway, with other bits.",
                window="Undo the change, or restart.",
            ),
        )
    if differing:
        notices = [*notices, f"resumed although it has changed: {', '.join(differing)}"]
        state = _adapted(session, state, identity, notices)
    else:
        later = {k: s for k, s in read_tiers(found.parent).items() if s >= state.counted}
        state = replace(state, tiers={**later, **state.tiers})
    before, now = (i.get("backend", {}).get("processes") for i in (state.identity, identity))
    if before != now and not differing:
        text = f"{counted(now, 'process', 'processes')} share the rows of a batch now, not {before}"
        notices = [*notices, f"{text}: losses are the same up to rounding"]
    return Resumption(state, found.parent, identity, tuple(notices))


def _with_numbers(
    state: TrainingState, identity: Mapping[str, Any], training: Training
) -> Mapping[str, Any]:
    """Return the stored facts that identify a checkpoint's training, adjusted for numbers, such as
    the learning rate, that the user changed during it.

    A graph that has the final values of these numbers then counts as unchanged, like the original
    graph.
    """
    numbers, same = Numbers(training.optimizer), set[str]()
    for (node, attr), value in numbers.after(0).items():
        if state.numbers.get(f"{node}.{attr}") == value:
            same |= {node, *numbers.constants(node, attr)}
    graph, now = state.identity.get("graph", {}), identity["graph"]
    return {
        **state.identity,
        "graph": {n: now[n] if n in same and n in now else digest for n, digest in graph.items()},
    }


def has_checkpoint(path: Path) -> bool:
    """Return whether there is a checkpoint to resume from."""
    return checkpoint_exists(path) or bool(existing(path))


def _newest(path: Path) -> tuple[Path, TrainingState, list[str]]:
    """Return the newest intact checkpoint, its state, and notices about damaged ones."""
    if checkpoint_exists(path):
        check_lists(path.parent)
        return _chosen(path)
    check_lists(path)
    candidates = manifests(path)
    if not candidates:
        raise CheckpointProblem(
            f"there is no checkpoint of a training in {path}",
            hint=SurfaceText(
                "nf.train.train(graph, checkpoint=folder) writes them.",
                cli="nodeflow train FILE --checkpoint DIR writes them.",
                window="Train first.",
            ),
        )
    damaged = [candidate for candidate, manifest in candidates if manifest is None]
    wrong: list[str] = []
    for candidate in (*damaged, *(one for one, manifest in reversed(candidates) if manifest)):
        try:
            found, state, notices = _read(candidate)
            return found, state, [*wrong, *notices]
        except FileProblem as error:
            wrong.append(f"{candidate.name} is left out: {error.message}")
    raise CheckpointProblem(
        f"no checkpoint in {path} can be read: {'; '.join(wrong)}",
        hint="Restore the folder from a copy, or train afresh in another folder.",
    )


def _chosen(path: Path) -> tuple[Path, TrainingState, list[str]]:
    """Read the checkpoint at a path that the user chose. Return its path, its state, and notices
    about it.

    If it is damaged, raise an error whose hint names an earlier intact checkpoint, if there is one.
    """
    try:
        return _read(path)
    except FileProblem as error:
        others = [one for one, manifest in manifests(path.parent) if manifest is not None]
        before = next((one for one in reversed(others) if one != path and _is_whole(one)), None)
        if before is not None:
            error.hint = SurfaceText(
                f"Resume from another checkpoint: resume={str(before)!r}.",
                cli=f"Resume from another checkpoint: --resume {before}.",
                window=f"Resume from another checkpoint: {before}.",
            )
        raise


def _read(path: Path) -> tuple[Path, TrainingState, list[str]]:
    """Return a checkpoint, its state, and notices about it."""
    manifest = read_manifest(path)
    notices = [] if manifest.has_sums else [f"{path.name} {NO_SUMS}"]
    return path, state_of(path, manifest), notices


def _is_whole(path: Path) -> bool:
    try:
        _read(path)
    except FileProblem:
        return False
    return True


def _adapted(
    session: Session, state: TrainingState, identity: Mapping[str, Any], notices: list[str]
) -> TrainingState:
    """Return the state for resuming a training that has changed. Variables that no longer fit keep
    their initial values.

    If batches or the order of rows have changed, the training resumes at the beginning of the
    epoch.

    Args:
        notices: texts for the user, to which the left out variables are added.
    """
    here = dict(session.variables.items())
    fitting = match(Saved(state.variables, {}), here)
    for what, names in (("has no value for", fitting.missing), ("does not fit", fitting.other)):
        if names:
            notices.append(f"the checkpoint {what} {', '.join(names)}: the initial value stays")
    variables = {name: state.variables[there] for name, there in fitting.found.items()}
    best = state.best
    if best is not None and any(best[n].shape != here[n].shape for n in best if n in here):
        best = None
    before, keys = state.identity, ("batch_size", "seed", "row_seed", "shuffle", "steps_per_epoch")
    settings, old = identity["settings"], before.get("settings", {})
    same_rows = before.get("data") == identity["data"]
    keys += ("schedule",)
    if same_rows and all(old.get(key) == settings.get(key) for key in keys):
        return replace(state, variables=variables, best=best, tiers={})
    return replace(state, variables=variables, best=best, tiers={}, done=0, total=0.0, where=None)
