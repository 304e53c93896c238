"""Ports as the canvas shows them, the wires that they take, and the ops that fit."""
