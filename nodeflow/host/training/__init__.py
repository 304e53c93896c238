"""What the engine process does for the training that runs: steps, edits, runs, event files."""
