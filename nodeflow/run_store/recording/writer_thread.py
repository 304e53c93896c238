"""A thread that writes a run: new records a few times per second, and finally its weights."""

from __future__ import annotations

import atexit
import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nodeflow.errors import FileProblem, NodeflowError
from nodeflow.run_store.curves import Piece, joined
from nodeflow.run_store.errors import RunStoreProblem
from nodeflow.run_store.leftovers import clear_leftovers
from nodeflow.run_store.recording.data_digests import Fed, described, digesting, fed_by
from nodeflow.run_store.recording.recorded_facts import About, Ids
from nodeflow.run_store.run_records import RUNNING, Run, RunEvent
from nodeflow.run_store.size_limit import SHARE_OF_ONE, limit, tidy
from nodeflow.run_store.store import BEST, FINAL, Batch, RunStore, past_file
from nodeflow.train.events import Resumed
from nodeflow.train.resume.identity import machine, versions
from nodeflow.train.rewind.kept_past import MOST, KeptPast, load_past, retained_together
from nodeflow.train.saving.weights import owner_in, save_weights
from nodeflow.train.training import Training

R = TypeVar("R")

FLUSH_SECONDS = 0.4
"""Seconds until new records are written."""
QUIET_SECONDS = 5.0
"""The largest number of seconds between two writes of a running training."""
RETRY_SECONDS = 5.0
"""Seconds to wait after a failed write."""
DIGEST_SECONDS = 0.05
"""Seconds between two pieces of data to digest: at most a fiftieth of a core."""
LAST_SECONDS = 1.0
"""Seconds for digests after the end of the training. Later digests stay unknown."""
MOST_WAITING = 8_000_000
"""The number of steps to hold in memory, while the disk is full, before the recording fails."""


@dataclass(frozen=True)
class Weights:
    """The variables at the end of a training.

    Attributes:
        final: values at the end.
        best: values of the best epoch, if it is known.
        pasts: the snapshots for computing each part between edits again, by the step of the edit
            before it, or 0.
        ids: identities of the variables, if an edit has changed them.
        best_step: the last step of the best epoch.
    """

    final: Mapping[str, np.ndarray]
    best: Mapping[str, np.ndarray] = field(default_factory=dict)
    pasts: Mapping[int, KeptPast] = field(default_factory=dict)
    ids: Ids | None = None
    best_step: int = 0

    @property
    def differ(self) -> bool:
        return bool(self.best) and any(
            not np.array_equal(array, self.final.get(name, ()), equal_nan=array.dtype.kind == "f")
            for name, array in self.best.items()
        )


class Writer:
    """The writer of one run.

    Args:
        folder: the folder of the store.
        take: returns the new records since the last call.

    Attributes:
        kept: the run, once it has begun; the earlier run if the training continues that one.
        problem: why nothing can be written, in words; empty if there is no problem.
        begun: set when ``kept`` or ``problem`` is known.
    """

    def __init__(self, folder: Path, about: About, take: Callable[[], Batch]) -> None:
        self._folder, self._about, self._take = folder, about, take
        self.kept: Run | None = None
        self.problem = ""
        self.begun = threading.Event()
        self._wake = threading.Event()
        self._weights: Weights | None = None
        self._thread: threading.Thread | None = None
        self._waiting: Batch | None = None
        self._facts: dict[str, Any] = {}
        self._written = 0.0
        self._edited = 0

    @property
    def started(self) -> bool:
        return self._thread is not None

    def begin(self, run: Run, training: Training, resumed: Resumed | None) -> None:
        """Start to write a run. ``resumed`` describes the earlier part of a resumed training."""
        self._thread = threading.Thread(
            target=self._work, args=(run, training, resumed), name="nodeflow runs", daemon=True
        )
        atexit.register(self.finish)
        self._thread.start()

    def end(self, weights: Weights) -> None:
        """Tell the writer thread that the run has ended. It then writes the weights and the final
        facts; this call does not wait for it.
        """
        self._weights = weights
        self._wake.set()

    def finish(self) -> None:
        """Wait until everything is written."""
        atexit.unregister(self.finish)
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    # ---- the thread ---------------------------------------------------------------------------

    def _work(self, run: Run, training: Training, resumed: Resumed | None) -> None:
        try:
            with self._store() as store:
                self._retried(lambda: self._begin_in(store, run, resumed))
                self.begun.set()
                self._write(store, training)
        except NodeflowError as error:
            self.problem = f"this training is not kept as a run: {error.message}"
        except Exception as error:  # after any error, the training continues
            self.problem = f"this training is not kept as a run: {type(error).__name__}: {error}"
        finally:
            self.begun.set()

    def _store(self) -> RunStore:
        """Open the store of runs, and return it. Try again while it is locked by another process or
        its disk is full.
        """
        return self._retried(lambda: RunStore(self._folder))

    def _retried(self, job: Callable[[], R]) -> R:
        """Repeat a job while the store is locked or full, until the training ends.

        Raise any other error at once. At the end of the training, raise the last error.
        """
        while True:
            is_over = self._wake.is_set()
            try:
                return job()
            except RunStoreProblem as error:
                if is_over or error.cause not in ("busy", "full"):
                    raise
                self.problem = f"this training is not kept as a run at present: {error.message}"
                self.begun.set()
            self._wake.wait(RETRY_SECONDS)

    def _begin_in(self, store: RunStore, run: Run, resumed: Resumed | None) -> None:
        self.kept = self._open(store, run, resumed)

    def _open(self, store: RunStore, run: Run, resumed: Resumed | None) -> Run:
        """Begin the run; if an earlier run has the same checkpoints, continue that run."""
        about = self._about
        before = None
        if resumed is not None and about.states is not None:
            before = store.of_checkpoint(about.states.resolve())
        if resumed is None:
            return self._begin(store, run)
        if before is not None and not about.anew and before.status != RUNNING:
            kept = replace(before, updated=time.time())
            store.go_on(kept, resumed.step)
            self._edited = self._find_graph(store, kept, resumed.step)
            self._keep_best(store, kept)
            self._facts = {n: getattr(kept, n) for n in ("data", "versions", "machine")}
            first = max((p.last for p in store.pieces(kept)), default=resumed.first - 1) + 1
        else:
            if before is not None:
                run = replace(run, parent=before.id, parent_step=resumed.step)
            kept, first = self._begin(store, run), resumed.first
        self._add_earlier(store, kept, resumed, first)
        return kept

    def _begin(self, store: RunStore, run: Run) -> Run:
        """Create a new run in the store. If it is a branch of another run, record that in the other
        run as well.
        """
        if run.parent and store.get(run.parent) is not None:
            branch = RunEvent(run.parent_step or 0, run.created, "branch", {"run": run.id})
            store.note_event(run.parent, branch)
        return store.begin(run, self._about.text)

    def _find_graph(self, store: RunStore, run: Run, step: int) -> int:
        """Return the step number under which the store keeps the current graph of a continued run.

        Store the graph for ``step`` if the store does not have it yet.
        """
        text = self._about.text
        if not text or _has_graph(store, run, step, text):
            return max(store.edits(run), default=0)
        store.add(Batch(run, graphs=[(step, text)]))
        return step

    def _keep_best(self, store: RunStore, run: Run) -> None:
        """If the final weights of a continued run are its best, store a copy of them as the best
        weights, because the final weights will be replaced.
        """
        final = store.file(run, FINAL)
        if run.best and final is not None and store.file(run, BEST) is None:
            with contextlib.suppress(OSError, FileProblem):
                owner = owner_in(final)
                store.note_file(run.id, BEST, "")
                shutil.copyfile(final, final.with_name(BEST))
                store.note_file(run.id, BEST, owner or "")

    def _add_earlier(self, store: RunStore, run: Run, resumed: Resumed, first: int) -> None:
        """Add the earlier records of a resumed training that the run lacks."""
        losses = resumed.losses[first - resumed.first :]
        before = resumed.first - 1
        epochs = [replace(epoch, steps=before + epoch.steps) for epoch in resumed.epochs]
        marks = np.array([[resumed.step, resumed.seconds]])
        pieces = [Piece(first, losses, marks)] if len(losses) else []
        store.add(Batch(run, pieces, epochs))

    def _write(self, store: RunStore, training: Training) -> None:
        """Write until the training ends."""
        assert self.kept is not None
        digests: Iterator[None] = iter(())
        if not self._facts:
            self._facts = {"versions": versions()}
            if self.kept.settings.get("tier") != "reference":  # else nothing loads the compiler
                self._facts["machine"] = machine()
            digests = self._digests(store, training)
        tidy(store, keep=self.kept.id)
        clear_leftovers(store)
        pause, flushed = DIGEST_SECONDS, time.monotonic()
        while not self._wake.wait(pause):
            if next(digests, self) is self:
                pause = FLUSH_SECONDS
            if time.monotonic() - flushed >= FLUSH_SECONDS - DIGEST_SECONDS / 2:
                self._flush(store)
                flushed = time.monotonic()
        self._flush(store, again=True)
        until = time.monotonic() + LAST_SECONDS
        while time.monotonic() < until and next(digests, self) is not self:
            pass
        self._finish(store)

    def _flush(self, store: RunStore, again: bool = False, run: Run | None = None) -> None:
        """Write the records collected since the last write to the store. If that fails, keep them
        for the next attempt.

        Args:
            again: whether to try although the last attempt has just failed.
            run: the final facts about the run, once it has ended.
        """
        assert self.kept is not None
        batch, now = self._take(), time.time()
        changes: dict[str, Any] = {"status": RUNNING} if run is None else {}
        state = replace(run or batch.run, id=self.kept.id, updated=now, **self._facts, **changes)
        batch = _with_fewer_pieces(replace(batch, run=state))
        if self._waiting is not None:
            batch = _joined(self._waiting, batch)
        nothing = not (batch.pieces or batch.epochs or batch.events or batch.graphs)
        if run is None and nothing and now - self._written < QUIET_SECONDS:
            return
        if self._waiting is not None and not again and now - self._written < RETRY_SECONDS:
            self._waiting = batch
            return
        self._written = now
        try:
            store.add(batch)
            self._waiting = None
        except NodeflowError as error:
            self.problem = f"this training is not kept as a run at present: {error.message}"
            self._waiting = batch
            if sum(len(piece.losses) for piece in batch.pieces) > MOST_WAITING:
                raise

    def _finish(self, store: RunStore) -> None:
        """Write the final weights and facts of a finished run to the store. Then delete old runs
        that exceed the limit on the store's size.
        """
        assert self.kept is not None
        run = self.kept = replace(self._take().run, id=self.kept.id)
        try:
            size = self._save(store, self._weights) if self._weights is not None else 0
        except (NodeflowError, OSError) as error:
            self.problem = f"the weights of this run are not kept: {error}"
            size = 0
        self._flush(store, again=True, run=replace(run, bytes=size))
        tidy(store, keep=self.kept.id)

    def _save(self, store: RunStore, weights: Weights) -> int:
        """Write the files of weights that are not too large, and return the size of all files."""
        assert self.kept is not None
        files = {FINAL: weights.final, **({BEST: weights.best} if weights.differ else {})}
        most, folder = limit(store) // SHARE_OF_ONE, store.folder / self.kept.id
        ids, slots = weights.ids or self._about.ids or (None, ())
        for name, arrays in files.items():
            if not arrays or sum(array.nbytes for array in arrays.values()) > most:
                continue
            folder.mkdir(exist_ok=True)
            store.note_file(self.kept.id, name, "")
            (folder / name).unlink(missing_ok=True)
            step = self.kept.steps if name == FINAL else weights.best_step
            owner = f"run {self.kept.id} step {step}"
            save_weights(folder / name, arrays, ids, slots, owner=owner)
            store.note_file(self.kept.id, name, owner)
        self._save_pasts(store, folder, weights.pasts, most)
        return sum(path.stat().st_size for path in folder.glob("*.safetensors"))

    def _save_pasts(
        self, store: RunStore, folder: Path, pasts: Mapping[int, KeptPast], most: int
    ) -> None:
        """Write the snapshots of the training to files in the run's folder, so that its steps can
        be replayed later.

        Args:
            pasts: the snapshots of each part of the training, by the step before the part.
            most: the number of bytes that they may take. Snapshots are dropped to keep this limit.
        """
        found = {after or self._edited: past for after, past in pasts.items() if past.steps}
        with contextlib.suppress(FileProblem):
            if self._edited in found:
                earlier = load_past(folder / past_file(self._edited))
                found[self._edited] = found[self._edited].after(earlier)
        fitting = most // max([1, *(past.bytes_of_one for past in found.values())])
        for after, past in retained_together(found, min(MOST, fitting)).items():
            folder.mkdir(exist_ok=True)
            assert self.kept is not None
            owner, name = f"run {self.kept.id} after step {after}", past_file(after)
            store.note_file(self.kept.id, name, "")
            past.save(folder / name, owner)
            store.note_file(self.kept.id, name, owner)

    def _digests(self, store: RunStore, training: Training) -> Iterator[None]:
        """Compute the digests of the training's data sets, and store them among the facts about the
        run. Each step of this generator processes a small piece.
        """
        sets = fed_by(training)
        self._facts["data"] = {name: described(fed) for fed in sets for name in fed.names}
        for fed in sets:
            try:
                digest, weak = yield from _digest(store, fed)
            except OSError:
                continue  # the digest stays unknown
            known = described(fed, digest, weak)
            self._facts["data"] = {**self._facts["data"], **dict.fromkeys(fed.names, known)}


def _digest(store: RunStore, fed: Fed) -> Generator[None, None, tuple[str, bool]]:
    """Return the digest of a data set, and whether it is weak: computed only from names, sizes and
    times of files.

    If the store does not know it, compute it in small pieces, one for each step of this generator.
    """
    stamp = fed.stamp
    known = store.digest(stamp) if stamp else None
    if known is not None:
        return known, False
    digest, weak = yield from digesting(fed)
    if stamp and not weak:
        store.keep_digest(stamp, digest)
    return digest, weak


def _has_graph(store: RunStore, run: Run, step: int, text: str) -> bool:
    """Return whether a run had this graph after a step; False if the graph is damaged."""
    try:
        return store.graph_text(run, step) == text
    except RunStoreProblem:
        return False


def _with_fewer_pieces(batch: Batch) -> Batch:
    """Join adjacent pieces of the loss curve in a batch of records. A joined piece keeps only the
    last of its time marks.
    """
    pieces = [replace(piece, marks=piece.marks[-1:]) for piece in joined(batch.pieces)]
    return replace(batch, pieces=pieces)


def _joined(first: Batch, second: Batch) -> Batch:
    return Batch(
        second.run,
        first.pieces + second.pieces,
        first.epochs + second.epochs,
        first.events + second.events,
        first.tiers + second.tiers,
        first.graphs + second.graphs,
    )
