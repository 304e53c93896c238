"""The form of a lesson: one page each for its texts, start, steps, checks and hints."""
