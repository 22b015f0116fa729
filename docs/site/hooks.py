"""What MkDocs does to the pages besides: links to the source become its paths."""

import re

_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)\s#]+)[^)]*\)")


def on_page_markdown(markdown: str, **_: object) -> str:
    """A link that leaves ``docs/`` leads nowhere on the site: its path is shown instead.

    Example:
        >>> on_page_markdown("see [dropout](../sslcl/dropout.py)")
        'see dropout (`sslcl/dropout.py`)'
    """
    return _OUTSIDE.sub(_path, markdown)


def _path(link: re.Match[str]) -> str:
    text, path = link.groups()
    name = path.rpartition("/")[2]
    return f"`{path}`" if name in text else f"{text} (`{path}`)"
