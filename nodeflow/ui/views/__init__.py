"""Views of tensors, drawn: one module with a `VIEW` for each kind that the engine computes.

A module draws what its namesake in ``nodeflow.host.views`` hands over, with a painter alone, so
that a view looks the same on a node, in the Viewer and in an exported picture.
"""
