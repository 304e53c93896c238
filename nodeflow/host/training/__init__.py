"""The engine process's work around a running training: steps, edits, kept runs, files."""
