"""One study file, one command a design, and no cell is trained twice."""

from pathlib import Path

import pytest

from .conftest import Home

pytestmark = pytest.mark.slow

STUDY = """
study: tiny
description: one file for every design
dataset_options: {conversations: 14}
base: {epochs: 2, hidden_size: 8, label_embedding_width: 8}
factors:
  objective: [sslcl, cross_entropy]
  batch_size: [4, 8]
  hidden_size: [8, 16]
search: {trials: 3, fixed: {objective: sslcl}}
confirm: {top: 1, seeds: 2}
ablate: {factors: [objective, batch_size], seeds: 2, trials: 2, levels: {batch_size: [4, 8]}}
"""
TITLES = {
    "one_factor": "Ablation of tiny",
    "grid": "Ablation of tiny",
    "fractional": "Ablation of tiny",
    "leave_one_out": "Ablation of tiny",
    "tuned": "Ablation of tiny",
    "search": "Confirmation of tiny",
}
PLANNED = {
    "one_factor": 3,
    "grid": 4,
    "fractional": 4,
    # The reference; without three terms, three views and all of them, context, and each of three
    # modalities in training and in the test.
    "leave_one_out": 1 + 3 + 3 + 1 + 1 + 3 + 3,
    "tuned": 3,
    "search": 1,
}


def test_every_design_has_its_table_and_shares_what_is_the_same(tmp_path: Path) -> None:
    home = Home(tmp_path, STUDY)
    for design, title in TITLES.items():
        ran = home.run("--design", design)
        assert ran.returncode == 0, ran.stdout
        assert title in ran.stdout
        assert (home.runs / "reports" / "tiny" / "report.html").stat().st_size > 10_000
        phase = "confirm" if design == "search" else "ablate"
        cells = home.sql(
            f"select count(distinct cell) from trials where phase = '{phase}' and current"
        )
        assert cells == [(PLANNED[design],)], design
    twice = home.sql(
        "select identity, count(*) from trials where status = 'COMPLETE' and phase <> 'search' "
        "and phase <> 'tune' group by identity having count(*) > 1"
    )
    assert twice == []
