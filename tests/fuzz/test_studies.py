"""Study files and command lines that somebody has mangled."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from search_spaces import study_names
from study.compare import main as compare
from study.replay import main as replay
from study.report import main as report
from study.run import main as study_run
from tracking.reconcile import main as reconcile

from .mutations import FUZZED, ODD, assert_told, changed_bytes, changed_values

pytestmark = pytest.mark.medium
FOLDER = Path(__file__).resolve().parents[2] / "search_spaces"
SYNTHETIC = [
    name
    for name in study_names()
    if yaml.safe_load((FOLDER / f"{name}.yaml").read_text()).get("dataset", "synthetic")
    == "synthetic"
]
TEXTS = {name: (FOLDER / f"{name}.yaml").read_bytes() for name in SYNTHETIC}


def dry_run(content: bytes, *words: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "study.yaml"
        file.write_bytes(content)
        home = Path(folder) / "runs"
        code = assert_told(study_run, [str(file), "--dry-run", "--home", str(home), *words])
        assert not home.exists()
    return code


@FUZZED
@given(st.data())
def test_values_of_a_study_file(data: st.DataObject) -> None:
    whole = yaml.safe_load(TEXTS[data.draw(st.sampled_from(SYNTHETIC))])
    values = data.draw(changed_values(whole))
    dry_run(yaml.safe_dump(values, allow_unicode=True, sort_keys=False).encode())


@FUZZED
@given(st.data())
def test_bytes_of_a_study_file(data: st.DataObject) -> None:
    whole = TEXTS[data.draw(st.sampled_from(SYNTHETIC))]
    dry_run(data.draw(changed_bytes(whole)))


KEYS = (
    "search.trials",
    "epochs",
    "base.epochs",
    "factors.backbone",
    "ablate.design",
    "seeds",
    "x..y",
)
PLACES = ("search", "confirm", "ablate", "factors", "base", "budget", "report", "resources", "")
VALUES = st.sampled_from([str(value) for value in ODD]) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=10
)


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """Words for ``study.run``: good ones, and others."""
    words: list[str] = []
    for _ in range(draw(st.integers(0, 4))):
        option = draw(
            st.sampled_from(
                ["--set", "--design", "--workers", "--gpus-per-trial", "--data", "--plugin",
                 "--nope", "--address", "--artifacts", "--data-dir", "--results-url", "-h", "--",
                 "another"]
            )
        )  # fmt: skip
        words.append(option)
        if option == "--set":
            key = draw(st.sampled_from([*KEYS, *PLACES]) | st.text(max_size=4))
            words.append(f"{key}{draw(st.sampled_from(['=', '', '==']))}{draw(VALUES)}")
        elif draw(st.booleans()):
            words.append(draw(VALUES))
    # No system passes a zero byte to a program.
    return [word.replace("\0", "") for word in words]


@FUZZED
@given(words=command_lines())
def test_command_lines_of_a_run(words: list[str]) -> None:
    dry_run(TEXTS["quickstart"], *words)


OPTIONS = (
    "--format", "--metric", "--phase", "--by", "--where", "--effects", "--pivot", "--ranks",
    "--out", "--importance", "--correction", "--smallest-difference", "--flips", "--check",
    "quickstart",
)  # fmt: skip


@FUZZED
@given(
    command=st.sampled_from([report, compare, replay, reconcile]),
    words=st.lists(st.sampled_from(OPTIONS) | VALUES, max_size=6),
)
def test_command_lines_of_the_other_commands(command: Any, words: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_told(command, [*words, "--home", folder])
        assert not list(Path(folder).iterdir())
