"""The compilation of a kernel's text to machine code, and the cache that keeps it.

``compilation`` is the state machine for executors and steppers. ``background`` is the client of
``worker``, the process that compiles. ``compile_kernel``, ``frontend`` and ``numba_typing`` compile
a text, ``object_code`` loads the machine code, and ``cache`` keeps it on disk. Only
``compile_kernel`` and the two modules beside it import numba, inside functions. Nothing here knows
a plan: kernels come in as texts.
"""
