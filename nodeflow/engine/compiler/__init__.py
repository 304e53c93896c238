"""The compilation of a kernel's text to machine code, and the cache that stores it.

``compilation`` is the state machine that executors and steppers use. ``background`` is the
client of ``worker``, the process that compiles. ``compile_kernel``, ``frontend`` and
``numba_typing`` compile a text, ``object_code`` loads the machine code, and ``cache`` stores it
on disk. Only ``compile_kernel`` and the two modules beside it import numba, inside functions.
Kernels come in as texts; nothing here knows plans.
"""
