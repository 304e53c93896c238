"""Goes on from a checkpoint, with the same bits."""
