"""Contract suites that the components of others can inherit."""

import pytest

# Else a failed assertion in a suite would not show its values.
for _suite in ("backbones", "formats", "objectives", "similarities"):
    pytest.register_assert_rewrite(f"{__name__}.{_suite}")
