"""t-SNE in the panel of points, computed by scikit-learn."""
