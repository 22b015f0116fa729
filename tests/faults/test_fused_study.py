"""A small study whose trials are trained as one program, run as a person runs it."""

import json
from pathlib import Path

import pytest

from .conftest import Home

pytestmark = pytest.mark.slow

STUDY = """
study: tiny
dataset: synthetic
dataset_options: {conversations: 14}
base: {epochs: 4, hidden_size: 8, label_embedding_width: 8, batch_size: 4, backbone: utterance}
factors:
  objective: [cross_entropy, sslcl]
  dropout: [0.0, 0.3, 0.6]
ablate: {factors: [objective, dropout], seeds: 3, reference: {dropout: 0.3}}
resources: {workers: 1, fuse: 9}
"""


def test_every_member_has_its_row_and_curve_and_is_replayed_in_its_group(tmp_path: Path) -> None:
    home = Home(tmp_path, STUDY)
    done = home.run()
    assert done.returncode == 0, done.stdout
    rows = home.sql("select id, status, fused_seeds, fused_numbers, epochs from trials")
    assert [row[1] for row in rows] == ["COMPLETE"] * 12
    groups = [(json.loads(row[2]), json.loads(row[3])) for row in rows]
    seeds = [2001, 2002, 2003]
    three_cells = [seed for seed in seeds for _ in range(3)]
    assert groups.count((seeds, {})) == 3
    assert groups.count((three_cells, {"dropout": [0.3, 0.0, 0.6] * 3})) == 9
    curve = "select count(distinct epoch) from epoch_metrics where trial = '{}'"
    assert [home.count(curve.format(row[0])) for row in rows] == [row[4] for row in rows]
    shared = next(row[0] for row in rows if row[3] != "{}")
    again = home.run(shared, module="study.replay")
    assert again.returncode == 0, again.stdout
    assert "in its group of 9" in again.stdout
    assert "bit for bit" in again.stdout
