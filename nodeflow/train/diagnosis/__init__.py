"""Where a bad value comes from, and what may help."""
