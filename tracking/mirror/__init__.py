"""The ledger carried to MLflow."""

from tracking.mirror.mirror import Mirror

__all__ = ["Mirror"]
