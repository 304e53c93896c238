"""Reports of the engine process, and its settings."""
