"""Layouts of pickled features, as the authors of models published them."""
