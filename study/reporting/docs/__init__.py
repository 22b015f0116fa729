"""Pages of a documentation site: what a study found, as Markdown with a picture beside it."""

from study.reporting.docs.index import index_page
from study.reporting.docs.page import save_page

__all__ = ["index_page", "save_page"]
