"""What may vary: the study file's schema, its loader, and the studies that ship."""
