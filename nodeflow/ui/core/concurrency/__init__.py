"""Threads and processes beside the GUI thread, and limits on the GUI thread's use of the
processor.
"""
