"""Drawings of comparisons, as PNG files and as parts of a page."""
