"""Steps of a training, and the rows that they take."""
