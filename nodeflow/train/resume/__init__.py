"""Resumes a training from a checkpoint, with the same bits."""
