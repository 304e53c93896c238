"""What the engine process reports, and its settings."""
