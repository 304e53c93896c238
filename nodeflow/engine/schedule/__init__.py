"""Schedules: the steps of a run in order, which both tiers execute.

`schedule` reduces a graph to the ancestors of the fetches and resolves every read and assign of
a variable; `stabilise` rewrites logarithms of probabilities; `recompute` saves memory. The
whole engine may import this package; it must not import any other folder of the engine.
"""
