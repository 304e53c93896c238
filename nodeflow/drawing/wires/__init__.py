"""Wires between cards: their ends, their ways around cards, and their curves."""
