"""Data of one's own that somebody has mangled: cards, tables and pickles."""

import json
import pickle
import shutil
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sslcl.data.__main__ import main

from ..sslcl.data.writers import mmsa, open_format
from .mutations import FUZZED, assert_told, changed_bytes, changed_values

pytestmark = pytest.mark.medium


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return open_format.write_open(tmp_path_factory.mktemp("whole") / "own")


def check(source: Path, name: str, content: bytes) -> int:
    """``check`` on a copy of a folder in which a file has another content."""
    with tempfile.TemporaryDirectory() as folder:
        copied = shutil.copytree(source, Path(folder) / "data")
        (copied / name).write_bytes(content)
        return assert_told(main, ["check", str(copied)])


@FUZZED
@given(data=st.data())
def test_values_of_a_card(own: Path, data: st.DataObject) -> None:
    values = data.draw(changed_values(yaml.safe_load((own / "data.yaml").read_text())))
    check(own, "data.yaml", yaml.safe_dump(values, allow_unicode=True).encode())


@FUZZED
@given(data=st.data())
def test_bytes_of_a_card_or_a_table(own: Path, data: st.DataObject) -> None:
    files = sorted(path.name for path in own.iterdir() if path.suffix in (".csv", ".yaml"))
    name = data.draw(st.sampled_from(files))
    check(own, name, data.draw(changed_bytes((own / name).read_bytes())))


@FUZZED
@given(data=st.data())
def test_a_table_as_json(own: Path, data: st.DataObject) -> None:
    rows = [
        {"conversation": f"c{i // 3}", "utterance": str(i), "label": "ab"[i % 2], "x": 0.5 * i,
         "split": ["train", "validation", "test"][i // 6]}
        for i in range(18)
    ]  # fmt: skip
    values = data.draw(changed_values(rows))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.json"
        file.write_text(json.dumps(values))
        assert_told(main, ["check", str(file)])


@FUZZED
@given(data=st.data())
def test_bytes_and_values_of_a_pickle(data: st.DataObject) -> None:
    whole = mmsa.content()
    if data.draw(st.booleans()):
        content = data.draw(changed_bytes(pickle.dumps(whole)))
    else:
        content = pickle.dumps(data.draw(changed_values(whole)))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "unaligned_50.pkl"
        file.write_bytes(content)
        assert_told(main, ["check", str(file)])
