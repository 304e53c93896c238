"""Wires between cards: their ends, their routes around cards, and their curves."""
