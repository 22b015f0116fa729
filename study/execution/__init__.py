"""Doing it: the campaign, Ray, trial sources, progress and MLflow beside them."""
