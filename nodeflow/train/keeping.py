"""A training that keeps checkpoints, or goes on from one: what every surface calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nodeflow.engine.session import Session
from nodeflow.errors import SurfaceText
from nodeflow.train.control import Control
from nodeflow.train.edits.variant import Variant
from nodeflow.train.events import Event
from nodeflow.train.loop import train
from nodeflow.train.resume.checkpoints import KEEP, Checkpoints, Every, existing
from nodeflow.train.resume.resuming import Resumption, has_checkpoint, resume
from nodeflow.train.rewind.replay import Past
from nodeflow.train.rewind.snapshots import Snapshots
from nodeflow.train.saving.checkpoint import CheckpointProblem
from nodeflow.train.training import Training


@dataclass(frozen=True)
class Keeping:
    """Where a training keeps its states, and which one it goes on from.

    Attributes:
        checkpoint: folder for checkpoints; by default that of ``resume``, if it is given.
        every: how often one is written.
        keep: how many stay; 0 is all.
        resume: folder of checkpoints, or one of them, to go on from. If it is also ``checkpoint``
            and holds none yet, the training begins.
        changed: go on although something is not the same.
        borrowed: another process owns the folder, see `Checkpoints`.
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
        """What a user gave; raises CheckpointProblem where ``every`` says nothing."""
        folders = [None if given is None else Path(given) for given in (checkpoint, resume)]
        kept = KEEP if keep is None else keep
        return cls(folders[0], Every.of(every), kept, folders[1], changed)

    def __bool__(self) -> bool:
        return self.checkpoint is not None or self.resume is not None

    def begin(
        self, session: Session, training: Training
    ) -> tuple[Checkpoints | None, Resumption | None]:
        """Open the folder, and find where the training goes on.

        Raises:
            CheckpointProblem: there is nothing to go on from; or the folder has checkpoints of
                another training.
            ChangedProblem: something is not the same.
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
        """Where the training goes on, if it does; nothing is written.

        Raises:
            CheckpointProblem, ChangedProblem: as `begin`.
        """
        if self.resume is None or self._begins:
            return None
        return resume(session, training, self.resume, changed=self.changed)

    @property
    def _begins(self) -> bool:
        """Whether what is to go on has not begun."""
        same = self.checkpoint is not None and self.checkpoint == self.resume
        return same and not has_checkpoint(self.checkpoint or Path())


def train_keeping(
    session: Session,
    training: Training,
    control: Control,
    keeping: Keeping,
    first_epoch: int = 1,
    *,
    snapshots: Snapshots | None = None,
    remember: Callable[[Past], None] = lambda past: None,
    branched: Resumption | None = None,
    variant: Variant | None = None,
    taken: Callable[[Variant], None] = lambda variant: None,
) -> Iterator[Event]:
    """As `loop.train`, with checkpoints; raises as `Keeping.begin`, too, and before it begins.

    Args:
        branched: where it goes on, if that is in no folder.
    """
    checkpoints, resumption = keeping.begin(session, training)
    resumption = branched or resumption
    return train(
        session,
        training,
        control,
        first_epoch=first_epoch,
        checkpoints=checkpoints,
        resumption=resumption,
        snapshots=snapshots,
        remember=remember,
        variant=variant,
        taken=taken,
    )
