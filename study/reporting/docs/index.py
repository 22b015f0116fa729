"""The page that gives the answer of every study in a line."""

from collections.abc import Sequence

from study.reporting.docs.answers import answers
from study.reporting.formats import escape_markdown
from study.reporting.report import ReportOptions, comparison_table, reading_of
from tracking.ledger import Ledger


def index_page(ledger: Ledger, study_names: Sequence[str]) -> str:
    """Question and answer of each study, with a link to its page in the same folder.

    Args:
        ledger: the results database.
        study_names: in the order to show.

    Raises:
        InputError: for an unknown study, or one of which nothing has finished.
    """
    lines = ["# Studies", "", "| Study | Question | Answer |", "| :-- | :-- | :-- |"]
    for name in study_names:
        reading = reading_of(ledger, name)
        question = str(reading.study_row.spec.get("description") or "")
        answer = " ".join(answers(comparison_table(reading, ReportOptions())))
        texts = (escape_markdown(text) for text in (question, answer))
        lines.append(f"| [{escape_markdown(name)}]({name}.md) | {' | '.join(texts)} |")
    return "\n".join(lines) + "\n"
