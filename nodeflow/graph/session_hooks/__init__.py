"""Connections of a thread to its session: the default session, its progress, its interruption."""
