"""Documents as bytes: the `.flow` format and its validation, the crash journal, atomic writes, and
graphs embedded in pictures.

Imports only `model`. Code outside this folder imports `flow`, `journal`, `embedded_graph` and
`atomic_write`; `validation` is for code that reads untrusted input.
"""
