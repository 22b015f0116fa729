"""The files of a report, drawn again only when what they show has changed."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from sslcl.files import write_whole
from tracking.home import Home
from tracking.ledger import Ledger

_PACKAGES = ("study", "tracking", "search_spaces")
_LIBRARIES = ("numpy", "scipy", "matplotlib", "optuna")
_SUFFIXES = {".py", ".j2", ".css"}


def save_reports(ledger: Ledger, study_name: str, home: Home) -> list[Path]:
    """Write tables, pictures and the page of a study, unless they show all there is already.

    Drawing takes seconds and imports Matplotlib; a run that had nothing to train does without.

    Returns:
        The files; only the page when nothing has finished.
    """
    record = home.reports(study_name) / "written.json"
    digest = _digest(ledger, study_name)
    files = _written_before(record, digest)
    if files is None:
        from study.reporting.html import save_html
        from study.reporting.report import save_report

        files = [
            *save_report(ledger, study_name, home),
            save_html(ledger, study_name, home),
        ]
        names = [path.name for path in files]
        write_whole(record, json.dumps({"digest": digest, "files": names}))
    return files


def _written_before(record: Path, digest: str) -> list[Path] | None:
    """The files that an earlier run wrote from the same results, if all are there."""
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        files = [record.parent / name for name in content["files"]]
        same = content["digest"] == digest
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return files if same and all(path.is_file() for path in files) else None


def _digest(ledger: Ledger, study_name: str) -> str:
    """SHA-256 of what reports follow from: the study, its trials, this code and its libraries."""
    study_row = ledger.study(study_name)
    rows = ledger.trials(study_name, current=None)
    facts = [
        study_row.revision,
        [(row.id, row.revision, row.current) for row in rows],
        [(library, version(library)) for library in _LIBRARIES],
    ]
    digest = hashlib.sha256(json.dumps(facts).encode())
    root = Path(__file__).resolve().parents[1]
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in _SUFFIXES:
                digest.update(path.read_bytes())
    return digest.hexdigest()
