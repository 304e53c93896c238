"""The state of the engine process: document, settings, values to show, work for idle times."""
