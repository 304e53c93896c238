"""Steps of trainings that are over: computed again from copies, and shown with their values."""
