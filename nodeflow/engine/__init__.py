"""From a graph to numbers: sessions, schedules, plans, generated kernels and the numpy reference.

``session`` is the way in; ``stepper`` and ``executor`` run steps and single runs for it. Below
them, from top to bottom: ``inspect``, ``runtime``, ``plan``, ``kernels``, ``ir``, ``compiler``,
``devicelib``; ``schedule`` and ``interpreter`` are the reference tier. import-linter proves the
order.

Other layers import ``session``, ``stepper``, ``columns``, ``events``, ``feeds``, ``cores``,
``rng``, ``incremental`` and ``warm_up``, and what ``doctor`` reports: the cache's, BLAS's and the
thread pool's state. The rest is private to the engine. numba and llvmlite are imported here alone,
and only where kernels are compiled; nothing here imports Qt or the document.
"""
