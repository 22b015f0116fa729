"""What to run, where, and what it showed: plan, campaign, report."""

import sslcl  # noqa: F401  # from here on, Ctrl-C is quiet
