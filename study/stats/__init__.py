"""What a difference is worth: arrays in, numbers out."""
