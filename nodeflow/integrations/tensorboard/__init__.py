"""Event files: what TensorBoard shows of trainings, runs and summaries, written and read."""
