"""The engine process: the window never waits for a run, and never crashes with one."""
