"""The engine's work around a running training: steps, edits, kept runs, event files."""
