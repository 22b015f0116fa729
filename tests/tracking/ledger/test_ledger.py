"""The ledger on SQLite keeps the contract of every ledger."""

from pathlib import Path

from tracking.home import Home
from tracking.ledger import Ledger
from tracking.testing.ledger import LedgerContract


class TestSqlite(LedgerContract):
    def open(self, folder: Path) -> Ledger:
        return Ledger.at(Home(folder))
