"""Requests to the engine whose answers need no state in the window.

`EngineLink` has the other requests: for shown values, for trainings, and those whose answer is
awaited.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nodeflow.host import protocol as p
from nodeflow.train.saving.assignment import Taken
from nodeflow.ui.core.engine_link.channel import EngineChannel
from nodeflow.ui.core.engine_link.live_values import LiveValues


class EngineRequests:
    """The requests to the engine process: the base of `EngineLink`.

    Each method returns the number of its request, which the answer repeats.
    """

    channel: EngineChannel
    live: LiveValues

    def fetch(self, name: str) -> int:
        """Ask for the full value of a tensor; ``tensor`` answers with the same number."""
        self.live.send_choices()
        request = self.channel.next()
        self.channel.send(p.FetchTensor(name, request))
        return request

    def open_run(self, run: str) -> int:
        """Prepare to show steps of a kept run. The answer goes to ``past``."""
        request = self.channel.next()
        self.channel.send(p.OpenRun(run, request))
        return request

    def fetch_step(self, name: str, run: str, step: int) -> int:
        """Ask for the full value of a tensor in a step; ``tensor`` answers with the same number."""
        request = self.channel.next()
        self.channel.send(p.FetchStep(name, run, step, request))
        return request

    def follow_step(self, runs: tuple[str, ...], step: int, name: str) -> int:
        """Bring other runs to a step; ``run_at_step`` answers for each run."""
        request = self.channel.next()
        self.channel.send(p.FollowStep(runs, step, name, request))
        return request

    def fetch_order(self) -> int:
        """Ask for the order of the ops in the shown step; ``step_order`` answers."""
        request = self.channel.next()
        self.channel.send(p.FetchOrder(request))
        return request

    def set_variable(self, name: str, value: np.ndarray) -> int:
        """Set a variable of the running training; ``training`` answers with VariableChanged."""
        request = self.channel.next()
        self.channel.send(p.SetVariable(name, value, request))
        return request

    def profile(self) -> int:
        """Ask the engine to time the ops of a run or step.

        The signal ``profiled`` delivers the result.
        """
        request = self.channel.next()
        self.channel.send(p.Profile(request))
        return request

    def pause(self) -> None:
        self.channel.send(p.Pause())

    def resume(self) -> None:
        self.channel.send(p.Resume())

    def step(self, count: int = 1) -> None:
        """Compute some steps of a paused training, which stays paused."""
        self.channel.send(p.Step(count))

    def stop(self) -> None:
        self.channel.send(p.Stop())

    def initialise(self) -> None:
        self.channel.send(p.InitializeVariables())

    def save_weights(self, path: str) -> int:
        request = self.channel.next()
        self.channel.send(p.SaveWeights(path, request))
        return request

    def check_weights(self, path: str) -> int:
        """Ask which variables of a weights file fit; ``done`` answers with WeightsChecked."""
        request = self.channel.next()
        self.channel.send(p.CheckWeights(path, request))
        return request

    def load_weights(self, path: str, taken: Mapping[str, Taken] | None = None) -> int:
        request = self.channel.next()
        self.channel.send(p.LoadWeights(path, request, taken))
        return request

    def check_gradients(self, names: tuple[str, ...] | None) -> int:
        """Ask for a check of the gradients of nodes (None: all); ``gradients`` answers."""
        request = self.channel.next()
        self.channel.send(p.CheckGradients(request, names))
        return request

    def cancel_gradient_checks(self) -> None:
        self.channel.send(p.CancelGradientChecks())

    def mark_lesson(
        self,
        lesson: str,
        checks: tuple[str, ...] | None,
        seeds: tuple[int, ...] = (),
        path: str = "",
    ) -> int:
        """Ask for the mark of the document as an answer to a lesson; ``lessons`` answers.

        Args:
            checks: ids of the checks to run; None for all checks that do not train.
            seeds: secret seeds of further inputs.
            path: the path of the lesson's file; empty for none.
        """
        request = self.channel.next()
        self.channel.send(p.MarkLesson(request, lesson, checks, seeds, path))
        return request

    def check_lesson(self) -> int:
        """Ask for a check of the document as a lesson with its solution; ``lessons`` answers."""
        request = self.channel.next()
        self.channel.send(p.CheckLesson(request))
        return request

    def cancel_marking(self) -> None:
        self.channel.send(p.CancelMarking())

    def cancel_predictions(self) -> None:
        self.channel.send(p.CancelPredictions())

    def cancel_download(self) -> None:
        self.channel.send(p.CancelDownload())
