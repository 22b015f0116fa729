"""Seeds added in looks, by a real run that is killed between them and goes on."""

import pytest

from .conftest import Home

pytestmark = pytest.mark.slow

STUDY = """
study: tiny
description: seeds where they decide
dataset_options: {conversations: 42}
base: {epochs: 2, hidden_size: 8, label_embedding_width: 8}
factors: {objective: [sslcl, cross_entropy], batch_size: [4, 16]}
ablate:
  factors: [objective, batch_size]
  reference: {objective: sslcl}
  seeds: {at_least: 3, at_most: 9, until: verdict}
report: {smallest_difference: 0.2}
resources: {workers: 2}
"""
STANDING = (
    "select cell, n, look, stopped from comparisons "
    "where metric = 'weighted_f1' and phase = 'ablate' and not is_reference order by position"
)
LOOKS = (3, 6, 9)


def test_a_killed_run_comes_to_the_same_looks_and_the_next_does_nothing(home: Home) -> None:
    home.study = STUDY
    home.__post_init__()
    done = "select count(*) from trials where status = 'COMPLETE'"
    home.kill_when(done, 4)
    ran = home.run()
    assert ran.returncode == 0, ran.stdout
    assert "Seeds were added in looks of 3, 6, 9" in " ".join(ran.stdout.split())
    rows = home.sql(STANDING)
    assert len(rows) == 2
    for cell, n, look, stopped in rows:
        assert n == LOOKS[look - 1]
        assert stopped is not None
        counted = f"select count(*) from trials where cell = '{cell}' and current"
        assert home.count(counted) == n
    most = max(n for _, n, _, _ in rows)
    assert home.count("select count(*) from trials where cell = 'reference' and current") == most
    again = home.run()
    assert "nothing left to train" in again.stdout
    assert home.sql(STANDING) == rows


def test_looks_cannot_change_once_their_ablation_has_begun(home: Home) -> None:
    home.study = STUDY
    home.__post_init__()
    assert home.run().returncode == 0
    trials = home.count("select count(*) from trials")
    refused = home.run("--set", "ablate.seeds.at_most=12")
    assert refused.returncode == 2
    assert "its looks at 3, 6, 9 seeds are fixed" in " ".join(refused.stdout.split())
    assert home.count("select count(*) from trials") == trials
