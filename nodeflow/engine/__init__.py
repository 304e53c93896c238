"""From a graph to numbers: sessions, schedules, plans, generated kernels and the numpy reference.

``session`` is the entry point; ``stepper`` and ``executor`` run steps and single runs for it. Below
them, from top to bottom: ``inspect``, ``runtime``, ``plan``, ``kernels``, ``ir``, ``compiler``,
``devicelib``; ``schedule`` and ``interpreter`` are the reference tier. import-linter proves the
order.

Other layers import ``session``, ``stepper``, ``columns``, ``events``, ``feeds``, ``cores``,
``rng``, ``incremental`` and ``warm_up``. ``doctor`` also imports the state of the cache, BLAS and
the thread pool. All other modules are private to the engine. Only the engine imports numba and
llvmlite, and only to compile kernels; nothing here imports Qt or the document.
"""
