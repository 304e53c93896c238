"""Drawings written as files and pages: SVG, HTML, notebooks."""
