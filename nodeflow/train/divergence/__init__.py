"""Ends a training at its first bad value."""
