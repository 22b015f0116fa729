"""A table, and a page, as HTML."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from study.reporting.html.elements import PageSection
from study.reporting.table import Table
from tracking.rows import StudyRow


def html_table(table: Table) -> Markup:
    """The table with its caption and notes, as part of a page."""
    return Markup(_environment().get_template("table.html.j2").render(table=table))


def html_page(study_row: StudyRow, sections: Sequence[PageSection]) -> str:
    """The whole page, which loads nothing."""
    environment = _environment()
    loader: Any = environment.loader
    style = loader.get_source(environment, "style.css")[0]
    template = environment.get_template("report.html.j2")
    return template.render(study=study_row, style=Markup(style), sections=sections, draw=html_table)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("study.reporting.html", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
