"""What happened: the ledger, its SQL views, and its mirror in MLflow."""
