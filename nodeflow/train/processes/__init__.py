"""One training in several processes: a shared control, and shared measurements."""
