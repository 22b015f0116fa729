"""The page that gives the answer of every study in a line."""

from collections.abc import Sequence

from study.reporting.docs.answers import answers
from study.reporting.formats import escape_markdown
from study.reporting.report import report_table
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
        question = str(ledger.study(name).spec.get("description") or "")
        answer = " ".join(answers(report_table(ledger, name)))
        texts = (escape_markdown(text) for text in (question, answer))
        lines.append(f"| [{escape_markdown(name)}]({name}.md) | {' | '.join(texts)} |")
    return "\n".join(lines) + "\n"
