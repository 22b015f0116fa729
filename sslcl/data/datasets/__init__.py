"""The catalog's datasets, one file each."""
