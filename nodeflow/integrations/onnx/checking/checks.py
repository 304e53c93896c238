"""The checks of ONNX models, as `nodeflow.exchange.model_checks.ModelChecks`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nodeflow.engine.runtime.context import Tier
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
