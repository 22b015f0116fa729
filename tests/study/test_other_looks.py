"""What an ablation in looks may not change once it has begun."""

from pathlib import Path

import pytest

from sslcl.errors import InputError
from study.driver import refuse_other_looks
from tracking.home import Home
from tracking.ledger import Ledger

from .execution.simulated import make_study
from .reported import CELLS, SEEDS, fill, planned, put_study

ABLATE = {
    "factors": ["batch_size"],
    "reference": {"batch_size": 4},
    "seeds": {"at_least": 5, "at_most": 20},
}
ASKED = {"is 8 enough": {"cell": {"batch_size": 8}}}


def test_questions_cannot_change_once_looks_stop_rows_by_them(tmp_path: Path) -> None:
    ledger = Ledger.at(Home(tmp_path))
    content = {"study": "demo", "factors": {"batch_size": [4, 8]}, "ablate": ABLATE}
    before = make_study(**content, questions=ASKED)
    put_study(ledger, spec=before.canonical())
    after = make_study(**content)
    row = ledger.study("demo")
    refuse_other_looks(ledger, row, after)
    fill(ledger, [planned(cell, seed) for seed in SEEDS for cell in CELLS], CELLS)
    refuse_other_looks(ledger, row, before)
    with pytest.raises(InputError, match="stop rows by 'is 8 enough' since its ablation began"):
        refuse_other_looks(ledger, row, after)
    ledger.close()
