"""Commands about trainings: train, sweep, runs."""
