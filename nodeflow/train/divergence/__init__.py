"""Ending a training at its first value that is not finite or out of bounds."""
