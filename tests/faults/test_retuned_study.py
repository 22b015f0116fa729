"""A study whose rows are retuned and extended, run as a person runs it, killed and run again."""

from pathlib import Path

import pytest

from .conftest import Home

pytestmark = pytest.mark.slow

STUDY = """
study: tiny
description: two objectives, each at its rate
dataset: synthetic
dataset_options: {conversations: 21}
base: {epochs: 2, patience: 2, hidden_size: 8, label_embedding_width: 8}
factors:
  objective: [sslcl, cross_entropy]
  similarity: {levels: [dot, cosine], when: {objective: sslcl}}
  learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
search: {trials: 3, fixed: {objective: sslcl}}
ablate:
  factors: [objective]
  retune: {fields: [learning_rate], trials: 2}
  seeds: 2
  extension_check: true
resources: {workers: 2}
"""


def test_every_row_is_retuned_alike_tested_and_extended(tmp_path: Path) -> None:
    home = Home(tmp_path, STUDY)
    ended = "select count(*) from trials where phase = 'tune' and ended_at is not null"
    home.kill_when(ended)
    done = home.run()
    assert done.returncode == 0, done.stdout
    said = " ".join(done.stdout.split())
    assert "chose learning_rate anew by 2 search trials of its own" in said

    rows = home.sql("select phase, cell, count(*) from trials where current group by 1, 2")
    assert [row for row in sorted(rows) if row[0] != "search"] == [
        ("ablate", "objective=cross_entropy", 2),
        ("ablate", "reference", 2),
        ("extend", "objective=cross_entropy", 1),
        ("extend", "reference", 1),
        ("tune", "objective=cross_entropy", 2),
        ("tune", "reference", 2),
    ]
    tested = home.sql(
        "select distinct t.phase from evaluations e join trials t on t.id = e.trial "
        "where e.split = 'test'"
    )
    assert tested == [("ablate",)]
    longer = home.sql(
        "select count(*) from trials e join trials a on a.cell = e.cell and a.seed = e.seed "
        "where e.phase = 'extend' and a.phase = 'ablate' and e.epochs_run = 2 * a.epochs_run"
    )
    assert longer == [(2,)]
    went_on = home.sql(
        "select min(m.epoch) from epoch_metrics m join trials t on t.id = m.trial "
        "where t.phase = 'extend' group by t.id"
    )
    assert went_on == [(3,), (3,)]
    assert not list((home.runs / "checkpoints").iterdir())
    assert "Extension check: one seed of 2 rows" in said
    rates = home.sql(
        "select cell, count(distinct json_extract(config, '$.learning_rate')) "
        "from trials where phase = 'ablate' group by 1"
    )
    assert {count for _, count in rates} == {1}
    checked = home.run("--check", module="tracking.reconcile")
    assert checked.returncode == 0, checked.stdout

    again = home.run()
    assert again.returncode == 0
    assert "nothing left to train" in again.stdout
