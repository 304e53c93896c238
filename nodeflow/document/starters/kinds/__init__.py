"""One module per starter; each declares ``STARTER``."""
