"""Schedules: the steps of a run in order, which both tiers execute.

`schedule` prunes a graph to the ancestors of the fetches and resolves every read and assign of a
variable; `stabilise` rewrites logarithms of probabilities; `recompute` saves memory. May be
imported from everywhere in the engine; must not import any other folder of it.
"""
