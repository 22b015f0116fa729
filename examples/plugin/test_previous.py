"""The example keeps the contract of every backbone."""

from sslcl.testing.backbones import BackboneContract


class TestPrevious(BackboneContract):
    """Run with ``python -m pytest`` where the package is installed."""

    name = "previous"
