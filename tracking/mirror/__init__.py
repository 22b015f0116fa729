"""The ledger carried to MLflow."""

from tracking.mirror.mirror import Destination, Mirror

__all__ = ["Destination", "Mirror"]
