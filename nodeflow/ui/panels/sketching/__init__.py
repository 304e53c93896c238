"""Drawing an input by hand, and the prediction for it."""
