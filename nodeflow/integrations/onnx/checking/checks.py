"""The checks of ONNX models, as `nodeflow.exchange.model_checks.ModelChecks`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nodeflow.engine.runtime.context import Tier
from nodeflow.integrations.onnx.checking.comparison import Comparison, compare
from nodeflow.integrations.onnx.checking.programs import Nodeflow, program
from nodeflow.integrations.onnx.checking.samples import samples_of
from nodeflow.integrations.onnx.checking.verification import Verification, verify
from nodeflow.integrations.onnx.file import read_model


class OnnxChecks:
    """Checks of models in ONNX files."""

    def verify(
        self,
        path: Path,
        *,
        against: str,
        samples: Path | None,
        tier: Tier,
        said: Callable[[str], None],
    ) -> Verification:
        other = program(against)
        model = read_model(path)
        return verify(path.name, model, Nodeflow(tier), other, samples_of(model, samples), said)

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
    ) -> Comparison:
        program(values, tier)  # its absence is said before the files are read
        first, second = read_model(reference), read_model(path)
        return compare(
            ((reference.name, first), (path.name, second)),
            lambda: program(values, tier),
            samples_of(first, samples),
            bound,
            said,
        )
