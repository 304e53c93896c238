"""Lessons: graphs with checks that say whether a learner built what was asked, and why not.

`schema` reads the object ``lesson`` of a document, `marking` compares an answer with the lesson's
solution, and `student_copy` writes the file that students get. No code comes from a file.
"""
