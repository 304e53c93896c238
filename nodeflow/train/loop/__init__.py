"""The training loop: the start of a training, its epochs and steps, and its end."""
