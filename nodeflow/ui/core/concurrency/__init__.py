"""Work beside the GUI thread, and the GUI thread's own share of the processor."""
