"""What people see of a plan: `explain` prints it, `profile` times each of its tasks.

For the session and the stepper, which import them when they are asked for. May import everything in
the engine but those two and the executor.
"""
