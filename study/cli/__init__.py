"""What all commands share: options, the console, errors in one line."""
