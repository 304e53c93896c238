"""The checkpoints that a running training writes: when, where, and how many stay.

The training passes on a copy of its state between two steps, and a thread writes it. A checkpoint
is a folder ``step-NUMBER``. Beside the checkpoints are the list that `checkpoint_state` reads, and
``tiers.json``, which records at which step plans began to run compiled since the newest checkpoint.
Manifests decide which checkpoint is the newest.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.atomic_write import write_atomically
from nodeflow.errors import FileProblem, NodeflowError, NonFiniteError, SurfaceText
from nodeflow.file_reading import damaged_as, read_bytes, refuse_irregular
from nodeflow.graph.types import number_kind
from nodeflow.train.events import CheckpointWritten
from nodeflow.train.saving.checkpoint import (
    MANIFEST,
    CheckpointProblem,
    Manifest,
    clear_deleted,
    clear_leftovers,
    delete_checkpoint,
    read_manifest,
)
from nodeflow.train.saving.checkpoint_state import STATE, write_state
from nodeflow.train.saving.elsewhere import write_somewhere
from nodeflow.train.saving.plain_values import table, whole
from nodeflow.train.saving.weights import is_finite
from nodeflow.train.training_state import TrainingState

EVERY_SECONDS, KEEP = 60.0, 3
"""Default seconds between two checkpoints, and default number of kept checkpoints."""
TIERS = "tiers.json"
_NAME = re.compile(r"step-(\d+)")


@dataclass(frozen=True)
class Every:
    """The interval of checkpoints: a number of steps, or else of seconds."""

    steps: int | None = None
    seconds: float = EVERY_SECONDS

    @staticmethod
    def of(value: int | str | Every | None) -> Every:
        """Return the interval that a user gave: ``500`` or ``"500"`` steps, ``"30s"`` seconds.

        Raises:
            CheckpointProblem: it is neither.

        >>> Every.of("500").steps, Every.of("2.5s").seconds
        (500, 2.5)
        """
        if value is None or isinstance(value, Every):
            return value or Every()
        text = str(value).strip()
        with contextlib.suppress(ValueError):
            if text.endswith("s") and 0 < float(text[:-1]) < float("inf"):
                return Every(None, float(text[:-1]))
            if int(text) > 0 and not isinstance(value, (bool, float)):
                return Every(int(text))
        raise CheckpointProblem(
            f"the interval of checkpoints is a number of steps or seconds, not {value!r:.40}",
            hint=SurfaceText(
                'Give steps, every=500, or seconds, every="30s".',
                cli="Give steps, --every 500, or seconds, --every 30s.",
                window="Give a number of steps, or of seconds such as 30s.",
            ),
        )


class Checkpoints:
    """The writer of one training's states to a folder.

    Args:
        folder: the folder, created if it is missing.
        every: the interval of checkpoints.
        keep: the number of newest checkpoints that stay; 0 for all.
        borrowed: whether another process owns the parent folder and may remove it at any time. The
            parent is then not created, and the last state is not written elsewhere.

    Raises:
        CheckpointProblem: the folder cannot be created, or ``keep`` is negative.
        ReadRefused: a list in the folder is a pipe or a device.
    """

    def __init__(
        self, folder: Path, every: Every | None = None, keep: int = KEEP, borrowed: bool = False
    ) -> None:
        if keep < 0:
            raise CheckpointProblem(
                f"the number of checkpoints to keep is negative: {keep}", hint="0 is all."
            )
        self.folder = folder
        self._every, self._keep, self._borrowed = every or Every(), keep, borrowed
        try:
            folder.mkdir(parents=not borrowed, exist_ok=True)
        except OSError as error:
            raise CheckpointProblem(f"cannot make {folder}: {error.strerror}") from None
        check_lists(folder)
        _clear(folder)
        found = manifests(folder)
        self._kept = [path for path, manifest in found if manifest is not None]
        self._damaged = {path for path, manifest in found if manifest is None}
        self._part = 1 + max((m.part for _, m in found if m is not None), default=-1)
        self._identity: Callable[[], Mapping[str, Any]] = dict
        self._finite: frozenset[str] = frozenset()
        self._last_step = self._last_time = 0.0
        self._written = -1
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nodeflow checkpoints")
        self._writing: Future[None] | None = None
        self._events: list[CheckpointWritten] = []
        self._failed = False

    def begin(
        self,
        step: int,
        variables: Mapping[str, np.ndarray],
        identity: Callable[[], Mapping[str, Any]],
        written: bool = False,
    ) -> None:
        """Start to count steps and seconds towards the next checkpoint.

        Variables that are finite now must be finite in every later checkpoint.

        Args:
            step: the number of the last finished step.
            identity: returns the facts that identify the training. It is called once, when they are
                first needed, on the writing thread.
            written: whether the folder already has the checkpoint of this step.
        """
        known: list[Mapping[str, Any]] = []

        def once() -> Mapping[str, Any]:
            if not known:
                known.append(identity())
            return known[0]

        self._identity = once
        self._finite = frozenset(n for n, a in variables.items() if _finite(a))
        self._last_step, self._last_time = step, time.monotonic()
        self._written = step if written else -1

    # ---- when ---------------------------------------------------------------------------------

    def steps_left(self, step: int) -> int | None:
        """Return how many steps may run before a checkpoint is due. Return None if checkpoints are
        due after seconds rather than steps.
        """
        steps = self._every.steps
        return None if steps is None else max(1, steps - step % steps)

    def is_due(self, step: int) -> bool:
        """Return whether a checkpoint of this step is due. False while another one is written."""
        if self._writing is not None and not self._writing.done():
            return False
        if self._every.steps is not None:
            return step // self._every.steps > self._last_step // self._every.steps
        return time.monotonic() - self._last_time >= self._every.seconds

    # ---- writing ------------------------------------------------------------------------------

    def take(self, state: TrainingState) -> None:
        """Write a checkpoint of a training in the background, while the training continues."""
        self._last_step, self._last_time = state.step, time.monotonic()
        self._writing = self._thread.submit(self._write, state, self._identity)

    def take_again(self, state: TrainingState) -> None:
        """Write a checkpoint in the background, even if one of the same step exists, because the
        state has changed since, for example by an edit of a variable.
        """
        self._last_step, self._last_time = state.step, time.monotonic()
        self._writing = self._thread.submit(self._write, state, self._identity, again=True)

    def finish(self, state: TrainingState) -> None:
        """Write the final state of the training as a checkpoint, and wait for it. If the folder is
        not writable, write to another one.
        """
        self._thread.submit(self._write, state, self._identity, last=True).result()

    def close(self) -> None:
        """Wait until all checkpoints are written."""
        self._thread.shutdown()

    def events(self) -> list[CheckpointWritten]:
        """Return the events of checkpoints written since the last call."""
        found, self._events = self._events, []
        return found

    def note_tiers(self, since: Mapping[str, int]) -> None:
        """Write to a small file the first compiled step of each execution plan. This happens before
        those steps run.

        The process may be killed before the next checkpoint, so this does not wait for a checkpoint
        in progress. The file stays small, because it has one entry for each plan.
        """
        content = {"since": dict(since), "sum": _sum(since)}
        text = json.dumps(content, sort_keys=True) + "\n"
        with contextlib.suppress(OSError):  # the next checkpoint reports the error
            write_atomically(self.folder / TIERS, text.encode())

    def _write(
        self,
        state: TrainingState,
        identity: Callable[[], Mapping[str, Any]],
        last: bool = False,
        again: bool = False,
    ) -> None:
        if state.step == self._written and not self._failed and not again:
            return
        started = time.perf_counter()
        path = self.folder / f"step-{state.step}"
        event = CheckpointWritten(state.step, state.epoch, str(path))
        try:
            self._check_finite(state)
            state = replace(state, identity=identity())
            if path in self._damaged:  # keep it, under another name
                self._damaged.remove(path)
                with contextlib.suppress(OSError):
                    os.replace(path, path.with_name(f"damaged-{path.name}"))
            save = partial(state.save, part=self._part)
            if last and not self._borrowed:
                where, problem = write_somewhere(path, save)
            else:
                where, problem = path, None
                save(path)
            self._failed = problem is not None
            if problem is None:
                self._list(path, state.step)
            seconds = time.perf_counter() - started
            said = "" if problem is None else problem.message
            event = replace(event, path=str(where), seconds=seconds, problem=said)
        except NodeflowError as error:
            if self._failed and not last:
                return  # the error was already reported
            self._failed = True
            event = replace(event, path="", problem=error.message)
        self._events.append(event)

    def _check_finite(self, state: TrainingState) -> None:
        """Raise NonFiniteError if a variable that was finite at the start is not finite any
        more.
        """
        for name in sorted(self._finite):
            if name in state.variables and not _finite(state.variables[name]):
                raise NonFiniteError(
                    f"{name} is not finite at step {state.step}: the earlier checkpoints stay",
                    node=name,
                )

    def _list(self, path: Path, step: int) -> None:
        """Add a checkpoint to the list of the folder, then delete the oldest checkpoints."""
        self._written = step
        self._kept = [one for one in self._kept if one != path] + [path]
        old = self._kept[: -self._keep] if self._keep else []
        kept = self._kept[len(old) :]
        write_state(self.folder, None, [(str(p), _time(p)) for p in kept])
        self._kept = kept
        for oldest in old:
            with contextlib.suppress(FileProblem):
                delete_checkpoint(oldest, read_manifest(oldest).stamp)


def existing(folder: Path) -> list[Path]:
    """Return the checkpoints of a training in a folder: damaged ones first, the newest last."""
    return [path for path, _ in manifests(folder)]


def newest_step(folder: Path) -> int:
    """Return the step of the newest checkpoint in a folder; 0 if there is none."""
    found = [manifest.global_step for _, manifest in manifests(folder) if manifest is not None]
    return found[-1] or 0 if found else 0


def manifests(folder: Path) -> list[tuple[Path, Manifest | None]]:
    """Return the checkpoints of a training in a folder with their manifests, the newest last.

    Damaged manifests come first, as None. Manifests decide the order rather than folder names,
    because a kill may leave an outdated folder, and folders can be renamed.
    """
    found: list[tuple[Path, Manifest | None]] = []
    for path in sorted(folder.glob("step-*")):
        if _NAME.fullmatch(path.name) and (path / MANIFEST).exists():
            try:
                found.append((path, read_manifest(path)))
            except FileProblem:
                found.append((path, None))
    return sorted(found, key=lambda one: (-1, 0, 0.0) if one[1] is None else one[1].rank)


def check_lists(folder: Path) -> None:
    """Raise ReadRefused if a list in the folder is a pipe or a device."""
    for name in (STATE, TIERS):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            refuse_irregular(folder / name)


def _clear(folder: Path) -> None:
    """Remove the leftovers of killed processes from a folder, to which only one training may
    write.
    """
    clear_leftovers(folder, older_than=0)
    for path in folder.glob("step-*"):
        if _NAME.fullmatch(path.name):
            clear_deleted(path)


def read_tiers(folder: Path) -> dict[str, int]:
    """Return the first compiled step of each plan, as a folder records it; empty without a record.

    Raises:
        ReadRefused: the file is a pipe or a device.
        CheckpointProblem: it is damaged.
    """
    file = folder / TIERS
    try:
        data = read_bytes(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise CheckpointProblem(f"cannot read {file}: {error.strerror or error}") from None
    hint = "Delete it. The training then continues, but its losses may be rounded differently."
    with damaged_as(CheckpointProblem, file, "", hint):
        content = table(json.loads(data))
        if not all(isinstance(step, int) for step in content.values()):  # version 0.1 had no sum
            since = table(content["since"])
            if content["sum"] != _sum(since):
                raise ValueError("its checksum does not match")
            content = since
        return {label: whole(step) for label, step in content.items()}


def _sum(since: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(dict(since), sort_keys=True).encode())


def _time(path: Path) -> float:
    try:
        return (path / MANIFEST).stat().st_mtime
    except OSError:
        return 0.0


def _finite(array: np.ndarray) -> bool:
    return number_kind(array.dtype) == "f" and is_finite(array)
