"""Backbones of any size, built as the model builds them."""

from collections.abc import Mapping
from typing import TypeVar

from sslcl.backbones import Backbone, BackboneShape
from sslcl.config import Scalar

BackboneT = TypeVar("BackboneT", bound=Backbone)


def built(
    cls: type[BackboneT],
    widths: Mapping[str, int],
    hidden: int,
    dropout: float = 0.3,
    options: Mapping[str, Scalar] | None = None,
) -> BackboneT:
    """A backbone for three participants."""
    return cls(BackboneShape(widths, 3, hidden, dropout, cls.check_options(options or {})))
