"""The lessons of the course, one module each. ``tools/make_lessons.py`` writes their files."""
