"""The origin of a bad value, and advice."""
