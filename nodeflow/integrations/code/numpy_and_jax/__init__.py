"""Graphs as numpy and JAX programs, which write most ops alike."""
