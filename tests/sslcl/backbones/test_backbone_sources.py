"""What each backbone says of where it comes from, which the table of methods is made of."""

import pytest

from sslcl.backbones import BACKBONES


@pytest.mark.parametrize("name", BACKBONES.names())
def test_published_figures_are_percentages_with_a_source_and_a_word_on_what_differs(
    name: str,
) -> None:
    backbone = BACKBONES.get(name)
    assert set(backbone.published) <= {"IEMOCAP", "MELD"}
    assert all(1 < figure < 100 for figure in backbone.published.values())
    if backbone.published:
        assert backbone.source
        assert backbone.differs
    assert "\n" not in backbone.source + backbone.differs
