"""Event files of TensorBoard: written for trainings, runs and summaries, and read."""
