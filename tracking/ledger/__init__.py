"""The results database: what was planned, what ran and what it scored."""

from tracking.ledger.ledger import Ledger

__all__ = ["Ledger"]
