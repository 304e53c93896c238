"""A training that writes checkpoints, or resumes from one.

Python, the command line and the engine process all begin trainings here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nodeflow.engine.session import Session
from nodeflow.errors import SurfaceText
from nodeflow.train.control import Control
from nodeflow.train.edits.variant import Variant
from nodeflow.train.events import Event
from nodeflow.train.loop.event_stream import train
from nodeflow.train.resume.checkpoints import KEEP, Checkpoints, Every, existing
from nodeflow.train.resume.resuming import Resumption, has_checkpoint, resume
from nodeflow.train.rewind.replay import Past
from nodeflow.train.rewind.snapshots import Snapshots
from nodeflow.train.saving.checkpoint import CheckpointProblem
from nodeflow.train.training import Training


@dataclass(frozen=True)
class Keeping:
    """The options for writing checkpoints and for resuming.

    Attributes:
        checkpoint: folder for checkpoints; by default the folder of ``resume``, if given.
        every: the interval of checkpoints.
        keep: the number of checkpoints to keep; 0 for all.
        resume: a checkpoint, or a folder of checkpoints, to resume from. If it equals
            ``checkpoint`` and holds no checkpoint yet, a new training begins.
        changed: whether to resume although the graph, data or settings have changed.
        borrowed: whether another process owns the folder, see `Checkpoints`.
    """

    checkpoint: Path | None = None
    every: Every | None = None
    keep: int = KEEP
    resume: Path | None = None
    changed: bool = False
    borrowed: bool = False

    @classmethod
    def of(
        cls,
        checkpoint: str | os.PathLike[str] | None,
        every: int | str | Every | None,
        keep: int | None,
        resume: str | os.PathLike[str] | None,
        changed: bool,
    ) -> Keeping:
        """Create the options for checkpoints from the arguments that a user gave.

        Args:
            checkpoint: the folder to write checkpoints to.
            every: the interval between them, in steps or seconds.
            keep: the number of newest checkpoints to keep.
            resume: the checkpoint, or folder, to resume from.
            changed: whether to resume although the training has changed.

        Raises:
            CheckpointProblem: ``every`` is invalid.
        """
        folders = [None if given is None else Path(given) for given in (checkpoint, resume)]
        kept = KEEP if keep is None else keep
        return cls(folders[0], Every.of(every), kept, folders[1], changed)

    def __bool__(self) -> bool:
        return self.checkpoint is not None or self.resume is not None

    def begin(
        self, session: Session, training: Training
    ) -> tuple[Checkpoints | None, Resumption | None]:
        """Open the folder of checkpoints for writing, and find the state from which the training
        resumes.

        Return both. Each is None if the user did not ask for it.

        Raises:
            CheckpointProblem: there is nothing to resume from, or the folder has checkpoints of
                another training.
            ChangedProblem: the training has changed since its checkpoint.
        """
        resumption = self.found(session, training)
        folder = self.checkpoint
        if folder is None and resumption is not None:
            folder = resumption.folder
        if folder is None:
            return None, resumption
        if existing(folder) and (resumption is None or not resumption.is_in(folder)):
            raise CheckpointProblem(
                f"{folder} has checkpoints of another training",
                hint=SurfaceText(
                    "Go on from them, resume=folder, or choose another folder.",
                    cli=f"Go on from them, --resume {folder}, or choose another folder.",
                    window="Choose another folder.",
                ),
            )
        return Checkpoints(folder, self.every, self.keep, self.borrowed), resumption

    def found(self, session: Session, training: Training) -> Resumption | None:
        """Return the state from which this training resumes. Return None if it starts afresh. Write
        nothing.

        Raises:
            CheckpointProblem, ChangedProblem: the same as `begin`.
        """
        if self.resume is None or self._begins:
            return None
        return resume(session, training, self.resume, changed=self.changed)

    @property
    def _begins(self) -> bool:
        """True if there is no checkpoint yet in the folder to resume from, so that the training
        begins.
        """
        same = self.checkpoint is not None and self.checkpoint == self.resume
        return same and not has_checkpoint(self.checkpoint or Path())


@dataclass(frozen=True)
class KeptTraining:
    """A training to begin, and the files in which its state is kept.

    Attributes:
        keeping: where checkpoints are written, and from where the training resumes.
        first_epoch, snapshots, remember, variant, taken: see `event_stream.train`.
        branched: the state to resume from, if it is in no folder.
    """

    session: Session
    training: Training
    control: Control
    keeping: Keeping = field(default_factory=Keeping)
    first_epoch: int = 1
    snapshots: Snapshots | None = None
    remember: Callable[[Past], None] = lambda past: None
    branched: Resumption | None = None
    variant: Variant | None = None
    taken: Callable[[Variant], None] = lambda variant: None

    def events(self) -> Iterator[Event]:
        """Begin the training and return its events. Write checkpoints, or resume, as the user
        chose.

        Raise the errors of `Keeping.begin` before the first step, and later the errors of
        `event_stream.train`.
        """
        checkpoints, resumption = self.keeping.begin(self.session, self.training)
        return train(
            self.session,
            self.training,
            self.control,
            first_epoch=self.first_epoch,
            checkpoints=checkpoints,
            resumption=self.branched or resumption,
            snapshots=self.snapshots,
            remember=self.remember,
            variant=self.variant,
            taken=self.taken,
        )
