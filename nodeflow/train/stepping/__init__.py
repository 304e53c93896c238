"""The steps of a training, and the rows of data that they take."""
