"""The making of a lesson: edits of the object ``lesson``, and graphs of typical mistakes."""
