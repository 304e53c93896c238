"""Checks of model files of other programs, which integrations offer (purpose ``model_checks``).

A check computes every tensor of a model, by two programs or by two models, and returns a report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from nodeflow.engine.runtime.context import Tier
from nodeflow.errors import FileProblem
from nodeflow.manifests import offers


class Report(Protocol):
    """The result of a check."""

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        ...

    @property
    def text(self) -> str:
        """The result as lines of text for people. The first line is the verdict."""
        ...

    @property
    def facts(self) -> Mapping[str, Any]:
        """The result as JSON data."""
        ...

    def page(self) -> str:
        """Return the result as a web page."""
        ...


class ModelChecks(Protocol):
    """The checks of one kind of models."""

    def verify(
        self,
        path: Path,
        *,
        against: str,
        samples: Path | None,
        tier: Tier,
        said: Callable[[str], None],
    ) -> Report:
        """Compare each tensor of a model with the value that another program computes.

        Args:
            samples: folder of samples; None for random ones.
            said: called with a line of text before each long step.

        Raises:
            NodeflowError: a file is damaged, or a program is not installed or cannot compute it.
        """
        ...

    def compare(
        self,
        reference: Path,
        path: Path,
        *,
        samples: Path | None,
        values: str,
        bound: float,
        tier: Tier,
        said: Callable[[str], None],
    ) -> Report:
        """Compare each tensor of a model file with the tensor of the same role in a reference
        model.

        Args:
            values: the program that computes both models.
            bound: smallest error of a node by itself that is a finding.

        Raises:
            NodeflowError: as `verify`.
        """
        ...


def reads(path: Path) -> bool:
    """Return whether an integration can check model files with this file extension."""
    return path.suffix.lower() in _by_ending()


def checks_of(path: Path) -> ModelChecks:
    """Return the object that verifies and compares model files with this ending.

    Raises:
        FileProblem: no integration has any.
        SoftwareMissing: the software that reads such files is not installed.
    """
    found = _by_ending()
    if path.suffix.lower() not in found:
        endings = " or ".join(found)
        raise FileProblem(
            f"{path.name} is not a model", hint=f"Choose a file that ends in {endings}."
        )
    offer = found[path.suffix.lower()]
    offer.integration.check_software()
    return offer.load()()


def _by_ending() -> dict[str, Any]:
    return {end: each for each in offers("model_checks") for end in each.fields["endings"]}
