"""Earlier steps of trainings: computed again from snapshots, and shown with their values."""
