"""Studies on folds as a person runs them: searched in each fold, killed, replayed, compared."""

import json
import random
from pathlib import Path

import pytest

from .conftest import Home

pytestmark = pytest.mark.slow

STUDY = """
study: tiny
description: three folds
dataset: synthetic
dataset_options: {conversations: 21}
folds: 3
base: {epochs: 2, patience: 2, hidden_size: 8, label_embedding_width: 8}
factors:
  objective: [sslcl, cross_entropy]
  similarity: {levels: [dot, cosine], when: {objective: sslcl}}
  learning_rate: {low: 1.0e-3, high: 1.0e-2, log: true}
search: {trials: 2, fixed: {objective: sslcl}}
confirm: {top: 1, seeds: 2}
ablate: {factors: [objective, similarity], seeds: 2}
resources: {workers: 2}
"""
CARD = """
name: tea_talks
description: Twelve conversations over tea, in four rooms.
licence: CC0
classes: [calm, upset]
modalities:
  audio: {columns: [pitch, loudness]}
folds: room
"""
OWN = """
study: tiny
description: own data
base: {epochs: 2, hidden_size: 8}
factors: {objective: [sslcl, cross_entropy]}
ablate: {factors: [objective], seeds: 2, reference: {objective: sslcl}}
"""


def test_each_fold_is_searched_by_itself_and_all_are_scored_together(tmp_path: Path) -> None:
    home = Home(tmp_path, STUDY)
    ended = "select count(*) from trials where phase = 'confirm' and ended_at is not null"
    home.kill_when(ended)
    done = home.run()
    assert done.returncode == 0, done.stdout
    assert "21 conversations in 3 folds" in " ".join(done.stdout.split())
    assert "Weighted F1 by fold" in done.stdout

    trials = home.sql(
        "select phase, fold, count(*) from trials where current and phase <> 'ablate' group by 1, 2"
    )
    assert sorted(trials) == sorted(
        (phase, fold, 2) for phase in ("search", "confirm") for fold in ("1", "2", "3")
    )
    whole = home.sql(
        "select cell, seed, count(distinct fold), count(*) from trials "
        "where current and phase = 'ablate' group by 1, 2"
    )
    assert {row[2:] for row in whole} == {(3, 3)}
    tested = home.sql(
        "select t.cell, t.seed, count(distinct u.conversation), count(*) from trials t "
        "join predictions p on p.trial = coalesce(t.original, t.id) and p.split = 'test' "
        "join utterances u on u.data_fingerprint = t.data_fingerprint and u.split = 'test' "
        "and u.position = p.position where t.current and t.phase = 'ablate' group by 1, 2"
    )
    (everything,) = home.sql("select count(*) from utterances where split = 'test'")[0]
    assert {row[2:] for row in tested} == {(21, everything)}
    sealed = home.sql(
        "select count(*) from evaluations e join trials t on t.id = e.trial "
        "where t.phase = 'search' and e.split <> 'validation'"
    )
    assert sealed == [(0,)]
    # What validates in a fold does not test in it.
    seen = home.sql(
        "select count(*) from trials t "
        "join predictions v on v.trial = t.id and v.split = 'validation' "
        "join predictions p on p.trial = t.id and p.split = 'test' and p.position = v.position"
    )
    assert seen == [(0,)]
    (reference,) = home.sql("select reference from studies")[0]
    assert sorted(json.loads(reference)) == ["1", "2", "3"]
    runs = {name for (name,) in home.sql("select name from runs", "mlflow.db")}
    assert {f"ablate/reference/2001/fold {fold}" for fold in (1, 2, 3)} <= runs
    checked = home.run("--check", module="tracking.reconcile")
    assert checked.returncode == 0, checked.stdout

    (trial,) = home.sql("select id from trials where phase = 'ablate' and status = 'COMPLETE'")[-1]
    replayed = home.run(str(trial), module="study.replay")
    assert replayed.returncode == 0, replayed.stdout
    again = home.run()
    assert "nothing left to train" in again.stdout, again.stdout
    plan = home.run("--dry-run")
    assert "nothing is left to train" in plan.stdout, plan.stdout


def write_own(folder: Path) -> Path:
    folder.mkdir()
    (folder / "data.yaml").write_text(CARD)
    draw = random.Random(3)
    lines = ["conversation,speaker,label,room,pitch,loudness"]
    for number in range(12):
        for turn in range(5):
            label = ("calm", "upset")[(number + turn) % 2]
            cells = [f"{draw.gauss(label == 'upset', 0.7):.3f}" for _ in range(2)]
            speaker = ("Ann", "Bob")[turn % 2]
            lines.append(f"t{number},{speaker},{label},room {number % 4}," + ",".join(cells))
    (folder / "utterances.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_an_own_table_is_divided_by_a_column_that_its_card_names(tmp_path: Path) -> None:
    home = Home(tmp_path, OWN)
    done = home.run("--data", str(write_own(tmp_path / "own")))
    assert done.returncode == 0, done.stdout
    assert "12 conversations in 4 folds by room" in " ".join(done.stdout.split())
    assert home.sql("select distinct fold from trials order by 1") == [
        (f"room {number}",) for number in range(4)
    ]
    assert home.sql("select count(*) from trials") == [(2 * 2 * 4,)]
    homes = home.sql(
        "select distinct t.fold, u.conversation from trials t "
        "join predictions p on p.trial = t.id and p.split = 'test' "
        "join utterances u on u.data_fingerprint = t.data_fingerprint and u.split = 'test' "
        "and u.position = p.position"
    )
    assert sorted(homes) == sorted((f"room {at % 4}", f"t{at}") for at in range(12))


@pytest.mark.parametrize("design", ["grid", "tuned"])
def test_other_designs_work_on_folds(tmp_path: Path, design: str) -> None:
    home = Home(tmp_path, STUDY.replace("seeds: 2}\nresources", "seeds: 2, trials: 2}\nresources"))
    done = home.run(
        "--design", design, "--set", "folds=2", "--set", "dataset_options.conversations=14"
    )
    assert done.returncode == 0, done.stdout
    assert "Weighted F1 by fold" in done.stdout
    whole = home.sql(
        "select cell, seed, count(distinct fold) from trials "
        "where current and phase = 'ablate' group by 1, 2"
    )
    assert {folds for _, _, folds in whole} == {2}
    again = home.run(
        "--design", design, "--set", "folds=2", "--set", "dataset_options.conversations=14"
    )
    assert "nothing left to train" in again.stdout, again.stdout
