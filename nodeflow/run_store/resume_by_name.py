"""Resuming by the name of a run, which stands for its folder of checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nodeflow.errors import SurfaceText
from nodeflow.paths import runs_folder
from nodeflow.run_store.errors import RunStoreProblem, UnknownRun
from nodeflow.run_store.store import FINAL, RunStore
from nodeflow.train.loop.checkpointed_training import Keeping
from nodeflow.train.resume.resuming import has_checkpoint
from nodeflow.train.saving.checkpoint_state import checkpoint_exists


def states_of(keeping: Keeping) -> Mapping[str, Any]:
    """Return the fields of a run about the checkpoints of its training: their folder, whether the
    training resumes, and whether it may resume although it has changed.
    """
    resume, states = keeping.resume, keeping.checkpoint
    if states is None and resume is not None:
        states = resume.parent if checkpoint_exists(resume) else resume
    return {"states": states, "resumes": resume is not None, "anew": keeping.changed}


def resumed_from(path: Path, text: str) -> Path:
    """Return the folder of checkpoints that a user names by path or by run.

    Args:
        path: the text as a path.
        text: the text as the name or id of a run.

    Raises:
        UnknownRun: several runs have this name.
        RunStoreProblem: the run has no checkpoints, or they are gone.
    """
    if path.exists() or runs_folder() is None:
        return path
    with RunStore(write=False) as store:
        try:
            run = store.find(text)
        except UnknownRun as error:
            if error.several:
                raise
            return path  # the search for a checkpoint at the path reports the error
        weights = store.file(run, FINAL)
    states = Path(run.checkpoint)
    if run.checkpoint and has_checkpoint(states):
        return states
    why = f"its checkpoints in {states} are gone" if run.checkpoint else "it has no checkpoints"
    begin = f" To begin with its final weights: --weights {weights}." if weights else ""
    raise RunStoreProblem(
        f"the run {run.id} cannot continue: {why}",
        hint=SurfaceText(
            "nf.train.train(graph, checkpoint=folder) keeps them.",
            cli=f"nodeflow train FILE --checkpoint DIR keeps them.{begin}",
            window="Train again.",
        ),
    )
