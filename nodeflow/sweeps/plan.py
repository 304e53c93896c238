"""The plan of a sweep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nodeflow.manifests import offers
from nodeflow.sweeps.value_specs import Spec

GRID, RANDOM = "grid", "random"
"""The samplers of nodeflow; integrations offer others."""
USUAL_TRIALS = 30


def pruning() -> list[str]:
    """Return the samplers that can end trials early."""
    return [each.name for each in offers("sampler") if each.fields.get("prunes")]


@dataclass(frozen=True)
class Plan:
    """The values to try in a sweep, the order of its trials, and their number.

    Attributes:
        specs: the values to vary.
        sampler: ``grid`` tries every combination, ``random`` draws; others learn from earlier
            trials.
        count: number of trials; ignored by a grid.
        seed: seed of the draws.
        parallel: number of trials that train at once.
        prune: whether to end trials that are worse than others; only with a sampler of `pruning`.
    """

    specs: tuple[Spec, ...]
    sampler: str = GRID
    count: int = USUAL_TRIALS
    seed: int = 1
    parallel: int = 1
    prune: bool = False

    @property
    def plain(self) -> dict[str, Any]:
        """The plan as JSON data."""
        return {
            "values": {spec.name: spec.text for spec in self.specs},
            "sampler": self.sampler,
            "trials": self.count,
            "seed": self.seed,
            "parallel": self.parallel,
            "prune": self.prune,
        }
