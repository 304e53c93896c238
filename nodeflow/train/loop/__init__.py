"""The training loop: from the start of a training, over epochs and steps, to its end."""
