"""From the text of a kernel to machine code, and the cache that keeps it.

``compilation`` is the state machine that executors and steppers use, ``background`` the client of
``worker``, the process that compiles; ``compile_kernel``, ``frontend`` and ``numba_typing`` compile
a text; ``object_code`` loads what they make; ``cache`` keeps it on disk. Only ``compile_kernel``
and the two beside it import numba, inside functions. Nothing here knows a plan: what is compiled
comes in as texts.
"""
