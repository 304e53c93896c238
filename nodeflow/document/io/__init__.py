"""Documents as bytes: the `.flow` format and its validation, the crash journal, atomic writes, and
graphs embedded in pictures.

Imports only `model`. Others import `flow`, `journal`, `embedded_graph` and `atomic_write`;
`validation` is for readers of untrusted input.
"""
