"""Ablation designs: which cells go around a reference, one file per design."""
