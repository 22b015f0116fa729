"""A small study whose seeds are trained as one program, run as a person runs it."""

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
ablate: {factors: [objective], seeds: 3, reference: {}}
resources: {workers: 1, fuse: 3}
"""


def test_every_member_has_its_row_and_curve_and_is_replayed_in_its_group(tmp_path: Path) -> None:
    home = Home(tmp_path, STUDY)
    done = home.run()
    assert done.returncode == 0, done.stdout
    rows = home.sql("select id, status, fused_seeds, epochs from trials")
    assert [row[1:3] for row in rows] == [("COMPLETE", "[2001, 2002, 2003]")] * 6
    curve = "select count(distinct epoch) from epoch_metrics where trial = '{}'"
    assert [home.count(curve.format(row[0])) for row in rows] == [row[3] for row in rows]
    again = home.run(rows[-1][0], module="study.replay")
    assert again.returncode == 0, again.stdout
    assert "bit for bit" in again.stdout
