"""What to run, where, and what it showed: plan, campaign, report."""
