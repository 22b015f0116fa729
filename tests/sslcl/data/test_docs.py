"""The pages on data are what they say: examples load, every key and format has a row."""

import re
from pathlib import Path

from search_spaces import load_study
from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.data.formats import FORMATS
from sslcl.data.formats.own._card import Card, ModalityCard, TaskCard
from sslcl.data.formats.texts._dialogues import EMOTIONS_OF_DAILYDIALOG
from sslcl.learning.score_names import check_score_form
from sslcl.metrics import Score
from sslcl.training import Trainer

from .real_sets import REAL_SETS

ROOT = Path(__file__).resolve().parents[3]
YOURS = (ROOT / "docs" / "your-data.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "data-formats.md").read_text(encoding="utf-8")


def test_the_example_loads_as_it_stands(tmp_path: Path) -> None:
    files = dict(re.findall(r"^`(\S+)`:\n\n```\w+\n(.*?)^```", YOURS, re.DOTALL | re.MULTILINE))
    assert set(files) == {"data.yaml", "utterances.csv"}
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    dataset = load_dataset("path", {"path": str(tmp_path), "encoder": "none"})
    assert dataset.name == "tea_talks"
    assert dataset.label_names == ("calm", "upset")
    assert dataset.modalities == {"audio": 2}
    assert [c.labels.tolist() for c in dataset.train] == [[0, 0], [1, -1, 0]]
    assert dataset.notes == ()
    trainer = Trainer(TrialConfig(dataset="path", epochs=2, hidden_size=8), dataset)
    while not trainer.finished:
        trainer.fit_epoch()
    assert dataset.test is not None
    assert len(trainer.test(dataset.test).labels) == 3


def test_every_key_of_the_card_is_documented() -> None:
    section = REFERENCE.partition("### The card")[2].partition("### The table")[0]
    for model in (Card, TaskCard, ModalityCard):
        assert all(re.search(rf"`[^`]*\b{key}\b[^`]*`", section) for key in model.model_fields)


def test_the_study_of_dailydialog_goes_by_micro_f1_without_neutral(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(study: .*?)^```", YOURS, re.DOTALL | re.MULTILINE)
    (tmp_path / "s.yaml").write_text(example, encoding="utf-8")
    study = load_study(str(tmp_path / "s.yaml"))
    score = Score.named(study.criterion, EMOTIONS_OF_DAILYDIALOG)
    assert [EMOTIONS_OF_DAILYDIALOG[at] for at in score.classes] == [
        name for name in EMOTIONS_OF_DAILYDIALOG if name != "neutral"
    ]


def test_every_criterion_of_the_page_is_a_score() -> None:
    names = re.findall(r"criterion: \"?([\w:+-]+)", YOURS)
    assert len(names) >= 5
    for name in names:
        assert check_score_form(name) == name


def rows_of_formats() -> dict[str, list[str]]:
    """The cells of each format's row."""
    formats = REFERENCE.partition("## Formats")[2].partition("## Datasets by name")[0]
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", formats, re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split(" | ")] for name, rest in rows}


def test_every_format_has_a_row() -> None:
    rows = rows_of_formats()
    assert set(rows) == set(FORMATS.names())
    for name, cells in rows.items():
        assert len(cells) == 5, name
        assert all(cells), name


def test_rows_say_on_how_many_real_files_a_reader_is_tried() -> None:
    for name, cells in rows_of_formats().items():
        tried = [real for real in REAL_SETS if real.layout == name]
        files = sum(real.files for real in tried)
        sets = f"{len(tried)} set{'s' * (len(tried) > 1)}"
        said = f"{sets}, {files} file{'s' * (files > 1)};" if tried else "0;"
        assert cells[-1].startswith(said), name
