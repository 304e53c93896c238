"""The panels around the canvas, one file each. A panel takes what it shows, and owns no truth."""
