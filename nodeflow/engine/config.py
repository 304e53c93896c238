"""TensorFlow 1's session options. Only thread counts have an effect; other options are accepted."""

from __future__ import annotations

from typing import Any

from nodeflow.errors import AttributeProblem, suggest_or_list


class _Options:
    """The base class of named options with defaults. It refuses unknown names."""

    _defaults: dict[str, Any] = {}

    def __init__(self, **options: Any) -> None:
        for name, value in {**self._defaults, **options}.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._defaults:
            raise AttributeProblem(
                f"{type(self).__name__} has no option {name!r}",
                hint=suggest_or_list(name, self._defaults),
            )
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        set_ = {n: v for n, v in vars(self).items() if v != self._defaults[n]}
        return f"{type(self).__name__}({', '.join(f'{n}={v!r}' for n, v in set_.items())})"


class GPUOptions(_Options):
    """Options of graphics cards, all without effect, because the CPU engine does not use them."""

    allow_growth: bool
    per_process_gpu_memory_fraction: float
    visible_device_list: str
    allocator_type: str

    _defaults = {
        "allow_growth": False,
        "per_process_gpu_memory_fraction": 0.0,
        "visible_device_list": "",
        "allocator_type": "",
    }


class ConfigProto(_Options):
    """Options of a session.

    Args:
        intra_op_parallelism_threads, inter_op_parallelism_threads: threads of the compiled tier.
            The larger one counts, because one team runs all ops; 0 stands for the default.
        options: ``allow_soft_placement``, ``log_device_placement``, ``gpu_options``,
            ``device_count``, ``use_per_session_threads``, ``graph_options`` and
            ``operation_timeout_in_ms`` are accepted and without effect.

    Raises:
        AttributeProblem: there is no such option, or a thread count is no whole number.
    """

    intra_op_parallelism_threads: int
    inter_op_parallelism_threads: int
    allow_soft_placement: bool
    log_device_placement: bool
    use_per_session_threads: bool
    operation_timeout_in_ms: int
    device_count: dict[str, int]
    gpu_options: GPUOptions
    graph_options: Any

    _defaults = {
        "intra_op_parallelism_threads": 0,
        "inter_op_parallelism_threads": 0,
        "allow_soft_placement": False,
        "log_device_placement": False,
        "use_per_session_threads": False,
        "operation_timeout_in_ms": 0,
        "device_count": None,
        "gpu_options": None,
        "graph_options": None,
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"gpu_options": GPUOptions(), "device_count": {}, **options})

    def __setattr__(self, name: str, value: Any) -> None:
        is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        if name.endswith("_parallelism_threads") and name in self._defaults and not is_count:
            raise AttributeProblem(
                f"{name} must be a whole number, 0 or more, not {value!r}",
                hint="0 stands for the default.",
            )
        super().__setattr__(name, value)

    @property
    def threads(self) -> int | None:
        """The requested number of threads for a run; None stands for the default."""
        return max(self.intra_op_parallelism_threads, self.inter_op_parallelism_threads) or None
