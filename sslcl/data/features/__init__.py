"""Features of text, timing and audio."""
