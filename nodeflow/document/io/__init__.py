"""Documents as bytes: the `.flow` format and its validation, the crash journal, atomic writes,
graphs embedded in pictures.

Imports `model` alone. Others import `flow`, `journal`, `embedded_graph` and `atomic_write`;
`validation` is for readers of untrusted input.
"""
