"""From a corpus to a checked, fingerprinted, memory-mapped dataset."""
