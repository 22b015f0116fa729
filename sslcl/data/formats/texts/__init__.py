"""Published texts without features: JSON, and plain text with one dialogue a line."""
