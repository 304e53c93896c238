"""Optuna as a source of trials, which also ends hopeless trials early."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from nodeflow.sweeps.grid_and_random_trials import Trial
from nodeflow.sweeps.plan import Plan
from nodeflow.sweeps.results import DONE, PRUNED, Result
from nodeflow.sweeps.value_specs import Spec

if TYPE_CHECKING:
    import optuna

PLAIN = (str, int, float, bool, type(None))


class OptunaSource:
    """A study of Optuna, in memory.

    Its proposals depend on the order of ended trials, which the sweep records. With one worker,
    a repeated sweep gets the same proposals.
    """

    def __init__(self, plan: Plan) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._plan, self.count = plan, plan.count
        sampler = optuna.samplers.TPESampler(seed=plan.seed, constant_liar=plan.parallel > 1)
        pruner = optuna.pruners.MedianPruner() if plan.prune else optuna.pruners.NopPruner()
        self._study = optuna.create_study(direction="minimize", sampler=sampler, pruner=pruner)
        self._asked: dict[int, optuna.Trial] = {}

    def next(self) -> Trial | None:
        number = len(self._asked) + 1
        if number > self.count:
            return None
        asked = self._asked[number] = self._study.ask()
        return Trial(number, {spec.name: _suggested(asked, spec) for spec in self._plan.specs})

    def sees(self, result: Result, value: float) -> bool:
        asked = self._asked[result.trial.number]
        if math.isfinite(value):
            asked.report(-value if result.higher else value, result.epoch)
        return not (self._plan.prune and asked.should_prune())

    def ended(self, result: Result) -> None:
        import optuna

        asked, states = self._asked[result.trial.number], optuna.trial.TrialState
        if result.state == DONE and math.isfinite(result.value):
            self._study.tell(asked, result.loss)
        else:
            state = states.PRUNED if result.state == PRUNED else states.FAIL
            self._study.tell(asked, state=state)


def _suggested(asked: optuna.Trial, spec: Spec) -> Any:
    if spec.kind == "int":
        return asked.suggest_int(spec.name, int(spec.low), int(spec.high))
    if spec.kind != "list":
        return asked.suggest_float(spec.name, spec.low, spec.high, log=spec.kind == "log")
    if all(isinstance(value, PLAIN) for value in spec.values):
        return asked.suggest_categorical(spec.name, spec.values)
    return json.loads(asked.suggest_categorical(spec.name, [json.dumps(v) for v in spec.values]))
