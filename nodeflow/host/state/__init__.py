"""The state of the engine process: the mirrored document, the settings, and the asked values."""
