"""The third tour: train a network on digits, and let it recognize a digit that the user draws."""

from __future__ import annotations

from nodeflow.ui.popups.tours.tour import Step, Tour, never

DIGIT = Tour(
    "tour_digit",
    "Recognise your first digit",
    (
        Step(
            "Look at the digits",
            "Click the node x: it shows handwritten digits of 28 × 28 pixels, a row of 784 numbers "
            "each.",
            lambda p: "x" in p.seen or p.trainings > 0,
        ),
        Step(
            "Train",
            "Press Train in the toolbar, or Ctrl+T. After each epoch, accuracy tells how many test "
            "digits are recognised. Stop when you like: the weights stay.",
            lambda p: p.trainings > 0,
        ),
        Step(
            "See its answers",
            "Click the node probabilities: each row holds how likely a digit is to be 0, 1, 2 … 9.",
            lambda p: p.trainings > 0 and bool(p.selected & {"probabilities", "predicted"}),
        ),
        Step(
            "Draw a digit of your own",
            "Open the sketch pad (Ctrl+K) and draw a large digit. Its way through the graph is "
            "shown on every node while you draw.",
            lambda p: p.sketched,
        ),
    ),
    Step(
        "Your digit is recognised",
        "Draw others. Where the network is wrong, look at hidden: what did it see?",
        never,
    ),
    "The network reads your digits",
    example="mnist",
)
