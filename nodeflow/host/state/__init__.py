"""The state of the engine process: document, settings, asked values, work for idle times."""
