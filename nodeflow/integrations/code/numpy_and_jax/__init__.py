"""Graphs as numpy and JAX programs. Both libraries write most ops in the same way."""
