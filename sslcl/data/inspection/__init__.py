"""Looking at data before it is trusted: leaks, near-duplicates, sizes."""
