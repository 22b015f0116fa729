"""Contract suites of the ledger, which other stores can inherit."""

import pytest

# Else a failed assertion in a suite would not show its values.
for _suite in ("ledger", "ledger_plans"):
    pytest.register_assert_rewrite(f"{__name__}.{_suite}")
