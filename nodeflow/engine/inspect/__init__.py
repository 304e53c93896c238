"""Views of a plan for people: `explain` prints it, `profile` times each of its tasks.

The session and the stepper import these modules on demand. They may import everything in the engine
except those two and the executor.
"""
