"""What happened: the ledger, its SQL views, and its mirror in MLflow."""

import sslcl  # noqa: F401  # from here on, Ctrl-C is quiet
