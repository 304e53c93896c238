"""Work of the engine process that takes long and that the user can cancel."""
