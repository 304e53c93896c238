"""Drawings of tensor views: one module with a `VIEW` for each kind that the engine computes.

Each module draws the data that the module of the same name in ``nodeflow.host.views`` computes. It
uses only a `Sheet`, so a view looks the same on a node, in the Viewer and in exported pictures and
pages.
"""
