"""The HTML report: everything that a study showed, in one file that needs nothing else."""

from study.reporting.html.page import html_report, save_html

__all__ = ["html_report", "save_html"]
