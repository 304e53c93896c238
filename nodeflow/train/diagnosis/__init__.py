"""Diagnosis of a bad value in a training: the op where it began, its cause, and advice."""
