"""Connections of a thread to its session: the default one, its progress, its interruption."""
