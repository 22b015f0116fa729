"""Ten conversations in a folder made by hand are all that a study of one's own needs."""

import random
import shutil
from pathlib import Path

import pytest

from .conftest import Home

pytestmark = pytest.mark.slow

CARD = """
name: tea_talks
description: Ten conversations over tea.
licence: CC0
classes: [calm, upset]
modalities:
  audio: {columns: [pitch, loudness]}
  face: {columns: [brow, mouth]}
"""
PUBLISHED = "published/dd_csv_glp"
"""Below the data folder: small enough to be encoded in seconds."""
STUDY = """
study: tiny
description: own data
base: {epochs: 3, hidden_size: 16}
factors: {objective: [sslcl, cross_entropy]}
ablate: {factors: [objective], seeds: 2, reference: {objective: sslcl}}
"""
SPLITS = ["train"] * 6 + ["validation"] * 2 + ["test"] * 2


def write_own(folder: Path) -> Path:
    """What a person would type: a card and a table."""
    folder.mkdir()
    (folder / "data.yaml").write_text(CARD)
    draw = random.Random(3)
    lines = ["conversation,speaker,label,split,text,pitch,loudness,brow,mouth"]
    for number, split in enumerate(SPLITS):
        for turn in range(5):
            # Each conversation begins with a remark that nobody labelled.
            label = ("calm", "upset")[draw.random() < 0.4] if turn else ""
            cells = [f"{draw.gauss(label == 'upset', 0.7):.3f}" for _ in range(4)]
            speaker = ("Ann", "Bob")[turn % 2]
            lines.append(f't{number},{speaker},{label},{split},"Well, {turn}.",' + ",".join(cells))
    (folder / "utterances.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_it_trains_without_code_and_is_itself_wherever_it_is(tmp_path: Path) -> None:
    home = Home(tmp_path, STUDY)
    own = write_own(tmp_path / "own")
    options = ["--set", "dataset_options.encoder=none"]
    first = home.run("--data", str(own), *options)
    assert first.returncode == 0, first.stdout
    assert "4 trials trained" in first.stdout
    scored = home.sql(
        "select distinct t.status, e.value from trials_wide w join trials t on t.id = w.trial "
        "join evaluations e on e.trial = t.id where e.split = 'test' and e.metric = 'accuracy'"
    )
    assert all(status == "COMPLETE" and 0 <= value <= 1 for status, value in scored)
    # Eight of the ten test utterances have a label: only these are scored.
    assert home.sql("select count(*) from predictions where split = 'test'") == [(4 * 8,)]
    moved = shutil.copytree(own, tmp_path / "moved")
    again = home.run("--data", str(moved), *options)
    assert again.returncode == 0, again.stdout
    assert "nothing left to train" in again.stdout


def test_published_files_train_and_are_judged_by_the_criterion(
    data_dir: Path, tmp_path: Path
) -> None:
    path = data_dir / PUBLISHED
    if not path.is_dir():
        pytest.skip(f"no folder {path}")
    home = Home(tmp_path, STUDY)
    criterion = "micro_f1-no emotion"
    done = home.run("--data", str(path), "--set", f"criterion={criterion}")
    assert done.returncode == 0, done.stdout
    assert "criterion: micro F1 without no emotion" in done.stdout
    table = (home.runs / "reports" / "tiny" / "ablation.md").read_text()
    assert "Micro F1 without no emotion, %" in table
    scores = home.sql(
        "select t.score, m.value from trials t join epoch_metrics m on m.trial = t.id "
        f"and m.epoch = t.best_epoch where m.metric = 'validation_{criterion}'"
    )
    assert len(scores) == 4
    assert all(score == value for score, value in scores)
    judged = home.sql(f"select verdict from ablation where metric = '{criterion}'")
    assert len(judged) == 2
