"""Runs: every training is kept with its graph, settings, curves and weights.

One SQLite database for each user, with weights beside it. `store` reads and writes it, `recording`
keeps a training while it goes on, and `api` is `nf.runs`. Window, command line and Python all write
through here. The package is not called ``runs``, since ``nf.runs`` is a function.
"""
