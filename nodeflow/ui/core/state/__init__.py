"""The models of the window: the open document, selections, overrides, the user's settings."""
