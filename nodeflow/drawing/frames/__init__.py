"""Frames around nodes: their titles and notes."""
