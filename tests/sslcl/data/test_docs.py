"""The example of docs/data.md is what it says: a whole folder in the open format."""

import re
from pathlib import Path

from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.data.formats import FORMATS
from sslcl.data.formats.own._card import Card, ModalityCard, TaskCard
from sslcl.training import Trainer

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")


def test_the_example_loads_as_it_stands(tmp_path: Path) -> None:
    files = dict(re.findall(r"^`(\S+)`:\n\n```\w+\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE))
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
    section = TEXT.partition("### The card")[2].partition("### The table")[0]
    for model in (Card, TaskCard, ModalityCard):
        assert all(re.search(rf"`[^`]*\b{key}\b[^`]*`", section) for key in model.model_fields)


def test_every_format_has_a_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", TEXT.partition("## Formats")[2], re.MULTILINE)
    cells = {name: [cell.strip() for cell in rest.split("|")] for name, rest in rows}
    for name in FORMATS.names():
        assert len(cells[name]) == 5, name
        assert all(cells[name]), name
