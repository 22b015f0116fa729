"""The ledger behind the page of a study, small enough to be kept beside it.

``python docs/site/ledgers.py HOME STUDY...`` writes the pages of these studies anew, and to
``docs/studies/NAME.sql.xz`` what they rest on: every trial with its scores, costs, findings and
predictions of the test split, without epochs, texts and the machine's name. All answers are
gathered in ``docs/studies/answers.md``.
``xz -dc docs/studies/NAME.sql.xz | sqlite3 FOLDER/results.db`` makes a home of it.
"""

import json
import lzma
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sslcl.files import write_whole
from study.reporting.docs import index_page, save_page
from tracking.home import Home
from tracking.ledger import Ledger

STUDIES = Path(__file__).resolve().parents[1] / "studies"
_BELOW = """\
The ledger of each study is kept beside its page, without epochs, for tables and SQL of your own:

```sh
mkdir published && xz -dc docs/studies/NAME.sql.xz | sqlite3 published/results.db
python -m study.report NAME --home published
```"""
_OF_TRIALS = ("evaluations", "findings")
_EMPTIED = ("epoch_metrics", "mirror_runs", "mirror_studies")


def keep(results: Path, study_name: str, folder: Path = STUDIES) -> None:
    """Write the page of a study, its picture and its ledger to ``folder``.

    Args:
        results: an SQLite results database.
        study_name: a finished study in it.
        folder: where to write.
    """
    text = "\n".join(_statements(results, study_name)) + "\n"
    kept = folder / f"{study_name}.sql.xz"
    kept.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    with tempfile.TemporaryDirectory() as home:
        write_page(restored(kept, Home(Path(home))), study_name, folder)


def restored(kept: Path, home: Home) -> Home:
    """The home with the ledger that :func:`keep` has written."""
    with closing(sqlite3.connect(home.folder / "results.db")) as connection:
        connection.executescript(lzma.decompress(kept.read_bytes()).decode())
    return home


def write_page(home: Home, study_name: str, folder: Path) -> Path:
    """The page of a study, and its picture, from the ledger of a home."""
    with closing(Ledger.at(home)) as ledger:
        return save_page(ledger, study_name, home, folder / f"{study_name}.md")


def write_answers(folder: Path = STUDIES) -> Path:
    """The page with the answer of every study whose ledger is kept in ``folder``."""
    lines: list[str] = []
    for kept in sorted(folder.glob("*.sql.xz")):
        study_name = kept.name.removesuffix(".sql.xz")
        with (
            tempfile.TemporaryDirectory() as home,
            closing(Ledger.at(restored(kept, Home(Path(home))))) as ledger,
        ):
            page = index_page(ledger, [study_name]).splitlines()
        lines += page[-1:] if lines else page
    path = folder / "answers.md"
    write_whole(path, "\n".join([*lines, "", _BELOW]) + "\n")
    return path


def _statements(results: Path, study_name: str) -> Iterator[str]:
    """SQL that makes the database anew, with all predictions of a trial in one statement."""
    with (
        closing(sqlite3.connect(results)) as source,
        closing(sqlite3.connect(":memory:")) as copy,
    ):
        source.backup(copy)
        _strip(copy, study_name)
        predictions = copy.execute(
            "SELECT trial, json_group_array(position), json_group_array(predicted) FROM"
            " (SELECT * FROM predictions ORDER BY trial, position) GROUP BY trial"
        ).fetchall()
        copy.execute("DELETE FROM predictions")
        copy.commit()
        yield from copy.iterdump()
    for trial, positions, predicted in predictions:
        yield (
            "INSERT INTO predictions SELECT "
            f"'{trial}', 'test', p.value, v.value FROM json_each('{positions}') p"
            f" JOIN json_each('{predicted}') v ON v.key = p.key;"
        )


def _strip(copy: sqlite3.Connection, study_name: str) -> None:
    for table in _EMPTIED:
        copy.execute(f"DELETE FROM {table}")
    copy.execute("DELETE FROM trials WHERE study != ? OR NOT current", (study_name,))
    copy.execute("DELETE FROM comparisons WHERE study != ?", (study_name,))
    copy.execute("DELETE FROM studies WHERE name != ?", (study_name,))
    for table in (*_OF_TRIALS, "predictions"):
        copy.execute(f"DELETE FROM {table} WHERE trial NOT IN (SELECT id FROM trials)")
    copy.execute("DELETE FROM predictions WHERE split != 'test'")
    copy.execute(
        "DELETE FROM utterances WHERE split != 'test' OR data_fingerprint NOT IN"
        " (SELECT data_fingerprint FROM trials UNION SELECT data_fingerprint FROM studies)"
    )
    copy.execute("UPDATE trials SET worker = NULL")
    ((environment,),) = copy.execute("SELECT environment FROM studies").fetchall()
    facts = {key: value for key, value in json.loads(environment).items() if key != "system"}
    copy.execute("UPDATE studies SET environment = ?", (json.dumps(facts),))
    copy.commit()


if __name__ == "__main__":
    for name in sys.argv[2:]:
        keep(Path(sys.argv[1], "results.db"), name)
    write_answers()
