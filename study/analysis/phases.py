"""Which phases of a study are tested and reported; imports nothing, so that --help is quick."""

REPORTED_NAMES = ("ablate", "confirm")
"""In the order in which a report looks for trials."""
