"""Training: the loop over epochs and batches, evaluation, and weights on disk."""
