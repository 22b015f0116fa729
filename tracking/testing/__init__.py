"""Contract suites of the ledger, which other stores can inherit."""
