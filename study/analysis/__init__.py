"""From the rows of the ledger to comparisons, effects, importance and costs."""
