"""Contract suites that the components of others can inherit."""
