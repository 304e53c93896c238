"""Predictions of a trained graph for rows of data."""
