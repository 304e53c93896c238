"""Exchange with other programs: opening their files, and writing files for them."""
