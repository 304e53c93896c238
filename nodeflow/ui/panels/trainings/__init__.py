"""Lists, details and controls of trainings, kept runs and trials."""
