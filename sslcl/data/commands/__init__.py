"""The commands of ``python -m sslcl.data``."""
