"""What the window shows, and in which colours."""
