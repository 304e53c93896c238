"""The data kept with a run, from which the steps of a finished training can be computed again.

One file holds some snapshots of the variables, and all other inputs of the steps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.engine.backend import NUMBA, supported
from nodeflow.engine.session import Session
from nodeflow.engine.tier_record import TierRecord
from nodeflow.errors import FileProblem, RunError
from nodeflow.file_reading import damaged_as
from nodeflow.graph.graph import Graph, Node
from nodeflow.graph.types import type_of_array
from nodeflow.train.events import NumberChanged
from nodeflow.train.loop_progress import NO_LOSSES, Progress
from nodeflow.train.rewind.replay import Past
from nodeflow.train.rewind.snapshot_retention import spread
from nodeflow.train.rewind.snapshots import Held, Snapshot, Snapshots
from nodeflow.train.saving.plain_values import MOST as MOST_WHOLE
from nodeflow.train.saving.plain_values import listed, real, table, text, whole
from nodeflow.train.saving.weights import read_arrays, write_arrays
from nodeflow.train.training import Training
from nodeflow.train.training_state import TrainingState, place
from nodeflow.train.tunable_numbers import Numbers

MOST = 16
"""The number of snapshots that a run keeps."""
META, VERSION = "nodeflow_past", 1
STILL = "still"
"""The prefix of names of variables that no step changes. Other names have their step as prefix."""
_STATE = ("first_epoch", "epoch", "done", "before", "counted", "total", "seconds", "runs", "where")
_NUMBERS = ("total", "seconds")
_ABOUT = (
    *("optimizer", "loss", "settings", "row_seed", "tier", "seed", "without", "per_epoch"),
    *("stream", "stream_steps", "tiers", "numbers", "changes"),
)


@dataclass(frozen=True)
class KeptPast:
    """The content of the file with a training's past steps.

    Attributes:
        about: names of ``optimizer`` and ``loss``, the ``schedule`` of several optimizers, plain
            ``settings``, ``row_seed``, the session's ``tier``, ``seed`` and ``without``, steps
            ``per_epoch``, ``tiers``, ``numbers`` at the first snapshot, and their ``changes``.
        still: variables that no step changes, by name.
        states: the step and the loop's position of each snapshot.
        arrays: the changing variables of each snapshot, by name.
    """

    about: Mapping[str, Any]
    still: Mapping[str, np.ndarray]
    states: Sequence[Mapping[str, Any]]
    arrays: Sequence[Mapping[str, np.ndarray]]

    @classmethod
    def of(cls, past: Past, until: float = math.inf) -> KeptPast:
        """Collect the recorded data for computing the steps of a training again.

        Args:
            past: the data in memory.
            until: the last step to keep, if an edit ended this part of the training.
        """
        training, copies = past.training, past.snapshots.copies(past.session.graph)
        first = past.start if past.earlier is not None else 0
        copies = [copy for copy in copies if first <= copy.step < until]
        held = copies[0].held if copies else Held()
        names = [node.name for node in held.changing]
        first = copies[0].step if copies else 0
        about = {
            "optimizer": training.phases[0].optimizer.name,
            "loss": training.loss.name,
            "schedule": [
                {
                    "optimizer": phase.optimizer.name,
                    "loss": phase.loss.name,
                    "steps": phase.steps,
                    "from": phase.start,
                }
                for phase in training.schedule
            ],
            "settings": training.plain(),
            "row_seed": training.row_seed,
            "tier": past.session.wanted,
            "backend": past.session.backend,
            "seed": past.session.seed,
            "without": sorted(past.session.without),
            "per_epoch": past.steps_per_epoch,
            "stream": training.stream is not None,
            "stream_steps": training.stream.steps if training.stream else None,
            "tiers": dict(past.tiers.since),
            "numbers": past.numbers.values(first),
            "changes": [vars(change) for change in past.numbers.changes],
        }
        return cls(
            about,
            {node.name: array for node, array in held.still.items()},
            [{"step": copy.step, **_plain_state(copy.state)} for copy in copies],
            [dict(zip(names, copy.arrays, strict=True)) for copy in copies],
        )

    @property
    def steps(self) -> list[int]:
        """The steps after which the snapshots were taken."""
        return [state["step"] for state in self.states]

    @property
    def bytes_of_one(self) -> int:
        """The size of one snapshot in bytes."""
        return sum(array.nbytes for array in self.arrays[0].values()) if self.arrays else 0

    def retaining(self, most: int = MOST) -> KeptPast:
        """Return the data for replaying a training with at most ``most`` of its snapshots, evenly
        spread.
        """
        chosen = spread(self.steps, most)
        states, arrays = ([of[i] for i in chosen] for of in (self.states, self.arrays))
        return replace(self, states=states, arrays=arrays)

    def after(self, earlier: KeptPast) -> KeptPast:
        """Join the data for replaying a continued training with the data of its earlier part.

        If the variables of both do not match, return only the later part.
        """
        first = self.steps[0] if self.steps else math.inf
        known = [i for i, step in enumerate(earlier.steps) if step < first]
        changes = [c for c in earlier.about["changes"] if c["step"] < first]
        if not known or earlier.arrays[0].keys() != self.arrays[0].keys():
            return self
        about = {
            **self.about,
            "numbers": earlier.about["numbers"],
            "changes": [*changes, *self.about["changes"]],
        }
        return replace(
            self,
            about=about,
            states=[*(earlier.states[i] for i in known), *self.states],
            arrays=[*(earlier.arrays[i] for i in known), *self.arrays],
        )

    # ---- on disk ------------------------------------------------------------------------------

    def save(self, path: Path, owner: str = "") -> None:
        """Write the data for replaying a training to a file.

        Args:
            owner: a text that identifies the run in the checksums of the arrays.

        Raises:
            FileProblem: the file cannot be written.
        """
        arrays = {f"{STILL}/{name}": array for name, array in self.still.items()}
        for step, copy in zip(self.steps, self.arrays, strict=True):
            arrays |= {f"{step}/{name}": array for name, array in copy.items()}
        content = {"version": VERSION, "about": self.about, "states": list(self.states)}
        write_arrays(path, arrays, {META: json.dumps(content, sort_keys=True)}, owner)

    # ---- computing steps again ------------------------------------------------------------------

    def session(self, graph: Graph, threads: int | None = None) -> Session:
        """Create a session with the settings that the recorded training used, such as its seed and
        backend.

        Raises:
            NotOffered: the training used a backend that is not installed.
        """
        about = self.about
        return Session(
            graph,
            seed=about["seed"],
            without=about["without"],
            **supported(about.get("backend", NUMBA), tier=about["tier"], threads=threads),
        )

    def past(self, session: Session, training: Training, progress: Progress) -> Past:
        """Convert the stored data of a training to the form that `Replay` needs for computing its
        steps again.

        Args:
            session: a session of the same graph; only its settings are used.
            progress: the progress with the recorded losses.

        Raises:
            RunError: the graph has other variables.
        """
        changing = [_variable(session, name) for name in (self.arrays[0] if self.arrays else ())]
        still = {_variable(session, name): array for name, array in self.still.items()}
        for node in changing:
            _check_shape(node, self.arrays[0][node.name])
        for node, array in still.items():
            _check_shape(node, array)
        held = Held(session.graph, tuple(changing), still)
        copies = [
            Snapshot(
                state["step"], _state(state), held, tuple(copy[node.name] for node in changing)
            )
            for state, copy in zip(self.states, self.arrays, strict=True)
        ]
        numbers = Numbers(training.optimizer, self.about["numbers"])
        numbers.changes += [NumberChanged(**change) for change in self.about["changes"]]
        used = training.used_bindings([training.optimizer, training.loss.node])
        return Past(
            session,
            training,
            ((),) * len(training.phases),
            None if training.stream else training.rows(used, "train"),
            self.about["per_epoch"],
            Snapshots.of(copies),
            TierRecord(self.about["tiers"]),
            numbers,
            progress,
        )


def retained_together(pasts: Mapping[int, KeptPast], most: int = MOST) -> dict[int, KeptPast]:
    """Distribute ``most`` snapshots over the parts of an edited training, in proportion to their
    lengths. Return the parts with only these snapshots.

    Args:
        pasts: the parts, each by the number of the last step before it.
    """
    kept = {after: pasts[after] for after in sorted(pasts) if pasts[after].steps}
    newest = dict([*kept.items()][-most:] if most else ())
    spans = {after: past.steps[-1] - past.steps[0] for after, past in newest.items()}
    whole, spare = sum(spans.values()), most - len(newest)
    return {
        after: past.retaining(1 + (spare * spans[after] // whole if whole else 0))
        for after, past in newest.items()
    }


def load_past(path: Path) -> KeptPast:
    """Read the data for replaying a run from a file.

    Raises:
        FileProblem: the file is missing or damaged.
    """
    arrays, metadata = read_arrays(path)
    with damaged_as(FileProblem, path, "", "Its curves and weights can still be read."):
        content = table(json.loads(metadata[META]))
        states = [table(state) for state in listed(content["states"])]
        prefixes = [f"{whole(state['step'])}/" for state in states]
        for state in states:
            _state(state)
        about = _checked(table(content["about"]))
        copies = [_named(arrays, prefix) for prefix in prefixes]
        if not copies or any(copy.keys() != copies[0].keys() for copy in copies):
            raise ValueError("a snapshot is incomplete")
        return KeptPast(about, _named(arrays, f"{STILL}/"), states, copies)


def _checked(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check the types of the stored facts about a training, and return the facts.

    Raise an error such as ValueError or KeyError if they are damaged.
    """
    for name in ("optimizer", "loss", "tier"):
        text(about[name])
    text(about.get("backend", NUMBA))
    for name in ("settings", "tiers", "numbers"):
        table(about[name])
    for name in ("row_seed", "seed"):
        if about[name] is not None:
            whole(about[name], -MOST_WHOLE)
    for name in ("without", "changes"):
        listed(about[name])
    for phase in listed(about.get("schedule", [])):
        text(table(phase)["optimizer"])
        text(phase["loss"])
        whole(phase["steps"], 1)
        whole(phase["from"])
    whole(about["per_epoch"])
    for step in about["tiers"].values():
        whole(step)
    for value in about["numbers"].values():
        real(value)
    for change in about["changes"]:
        NumberChanged(**table(change))
        whole(change["step"])
    for name in _ABOUT:
        _ = about[name]
    return about


def _named(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {n.removeprefix(prefix): array for n, array in arrays.items() if n.startswith(prefix)}


def _plain_state(state: TrainingState) -> dict[str, Any]:
    values = {name: getattr(state, name) for name in _STATE}
    return {**values, **{name: str(values[name]) for name in _NUMBERS}}


def _state(values: Mapping[str, Any]) -> TrainingState:
    known = {name: values[name] for name in _STATE}
    for name in _STATE[:-1]:
        if name in _NUMBERS:
            known[name] = float(text(values[name]))
        else:
            whole(values[name])
    if values["where"] is not None:
        place(values["where"])
    return TrainingState(identity={}, variables={}, losses=NO_LOSSES, epochs=(), **known)


def _variable(session: Session, name: str) -> Node:
    if name not in session.graph or session.graph.node(name).op.id != "variable":
        raise RunError(
            f"the graph has no variable {name!r}, which the run trained",
            hint="Give the graph that was trained.",
        )
    return session.graph.node(name)


def _check_shape(node: Node, array: np.ndarray) -> None:
    if not node.outputs[0].type.accepts(type_of_array(array)):
        raise RunError(
            f"the run trained {node.name} as {array.dtype} {list(array.shape)}, and in this graph "
            f"it is {node.outputs[0].type}",
            node=node.name,
            hint="Give the graph that was trained.",
        )
