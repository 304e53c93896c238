"""Runs: every training is kept with its graph, settings, curves and weights.

Each user has one SQLite database, with files of weights beside it. `store` reads and writes it,
`recording` records a running training, and `kept_runs` is `nf.runs`. Window, command line and
Python all write through this package. It is not called ``runs``, because ``nf.runs`` is a function.
"""
