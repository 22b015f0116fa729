"""Reading files: CSV, pickles, clock times, split files."""
