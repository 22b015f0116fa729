"""MulT's pickles, written as documented: read as MMSA's, under a name of their own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sslcl.data.formats import recognise
from sslcl.errors import InputError

from ...writers import mmsa


def mult() -> mmsa.Content:
    """MMSA's content under MulT's names: ids of video, start and end, scores as labels."""
    made: mmsa.Content = {}
    for split, columns in mmsa.content(aligned=True).items():
        ids = [one.rpartition("$_$") for one in columns["id"]]
        made[split] = {
            "id": np.array([[video, f"{clip}.5", "99.0"] for video, _, clip in ids]),
            "labels": columns["regression_labels"][:, None, None],
            **{name: columns[name] for name in ("audio", "vision")},
            "text": columns["text"][:, :, :300],
        }
    return made


def test_scores_and_order_are_those_of_the_file(tmp_path: Path) -> None:
    corpus = recognise(mmsa.write(tmp_path / "mosi_data.pkl", mult()))
    assert corpus.name == "mosi_mult"
    assert corpus.licence == "none stated"
    assert {name: x.shape[1] for name, x in corpus.features.items()} == {
        "text": 300,
        "audio": 5,
        "video": 20,
    }
    rows = corpus.table[corpus.table["conversation"] == "v$_1"]
    assert rows["sentiment3"].tolist() == ["neutral", "negative", "positive"]
    assert rows["sentiment2"].isna().tolist() == [True, False, False]


def test_labels_of_another_kind_are_told(tmp_path: Path) -> None:
    content: dict[str, dict[str, Any]] = mult()
    content["train"]["labels"] = ["good"] * len(content["train"]["id"])
    with pytest.raises(InputError, match=r"split 'train': 'labels' and 'id' are no scores"):
        recognise(mmsa.write(tmp_path / "mosi_data.pkl", content))
