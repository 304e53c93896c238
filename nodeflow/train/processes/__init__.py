"""One training in several processes: a common control, and common measurements."""
