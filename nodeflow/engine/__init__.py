"""The engine, which computes graphs: sessions, schedules, plans, generated kernels, and the numpy
reference.

``session`` is the entry point; ``stepper`` runs training steps and ``tiered_execution`` single
runs for it. Below them, from top to bottom: ``inspect``, ``runtime``, ``plan``, ``kernels``,
``ir``, ``compiler``, ``devicelib``. ``schedule`` and ``interpreter`` are the reference tier.
import-linter proves this order.

Other layers import ``session``, ``stepper``, ``columns``, ``events``, ``feeds``, ``cores``,
``threefry_streams``, ``incremental`` and ``warm_up``. ``doctor`` also imports the state of the
cache, BLAS and the thread pool. All other modules are private to the engine. Only the engine
imports numba and llvmlite, and only to compile kernels. Nothing here imports Qt or the document.
"""
