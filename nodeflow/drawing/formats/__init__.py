"""Drawings as files and pages: SVG, HTML, notebooks."""
