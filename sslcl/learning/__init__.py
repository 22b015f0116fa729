"""What training decides and remembers beside its steps: when to stop, averaged weights, a probe."""
