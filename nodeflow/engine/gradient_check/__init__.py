"""Compares the gradients of a piece of a graph with finite differences.

`piece` finds the nodes between two sets of tensors, `copy` makes a separate graph of them, in
float64 if its ops accept that, and `check` compares.
"""
