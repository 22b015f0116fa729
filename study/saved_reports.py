"""The files of a report, drawn again only when what they show has changed."""

import json
from pathlib import Path

from sslcl.files import write_whole
from study.analysis.digest import comparison_digest
from tracking.home import Home
from tracking.ledger import Ledger

_MAKER = "study.reporting.html.page"
"""It imports the code of all tables and pictures."""
_METRIC = "weighted_f1"


def save_reports(ledger: Ledger, study_name: str, home: Home) -> list[Path]:
    """Write tables, pictures and the page of a study, unless they show all there is already.

    Drawing takes seconds and imports Matplotlib; a run that had nothing to train does without.

    Returns:
        The files; only the page when nothing has finished.
    """
    record = home.reports(study_name) / "written.json"
    digest = _digest(ledger, study_name)
    files = _known(record, digest)
    if files is None:
        from study.reporting.html import save_html
        from study.reporting.report import save_report

        files = [
            *save_report(ledger, study_name, home.folder),
            save_html(ledger, study_name, home.folder),
        ]
        names = [path.name for path in files]
        write_whole(record, json.dumps({"digest": digest, "files": names}))
    return files


def _known(record: Path, digest: str) -> list[Path] | None:
    """The files that an earlier run wrote from the same results, if all are there."""
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        files = [record.parent / name for name in content["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    whole = content["digest"] == digest and all(path.is_file() for path in files)
    return files if whole else None


def _digest(ledger: Ledger, study_name: str) -> str:
    """SHA-256 of the study, its trials and the code that draws them."""
    study_row = ledger.study(study_name)
    rows = ledger.trials(study_name, current=None)
    current = [row.id for row in rows if row.current]
    facts = {"revision": study_row.revision, "spec": study_row.spec, "current": current}
    return comparison_digest(study_row, rows, _METRIC, facts, _MAKER)
