"""The features of timing: their definitions, and that nothing breaks them."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslcl.data.features.timing import NAMES, timing_features, timing_notes
from sslcl.data.reading.texts import mend

NAN = math.nan
seconds = st.one_of(st.floats(0, 10000), st.floats(), st.just(NAN))
utterances = st.lists(
    st.tuples(st.sampled_from("abc"), seconds, seconds, st.text(max_size=30)), max_size=12
)


def table(*rows: tuple[str, float, float, str | None]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["conversation", "start", "end", "text"])


def features(*rows: tuple[str, float, float, str | None]) -> list[dict[str, float]]:
    found = timing_features(table(*rows))
    return [dict(zip(NAMES, map(float, row), strict=True)) for row in found]


def naive(rows: list[tuple[str, float, float, str]]) -> list[list[float]]:
    """The definitions in the module's table, one utterance after the other."""
    found = []
    place, before = 0, (NAN, NAN)
    for i, (name, start, end, text) in enumerate(rows):
        same = i > 0 and rows[i - 1][0] == name
        place = place + 1 if same else 0
        text = mend(text)
        n, w = len(text.strip()), len(text.split())
        start, end = (time if abs(time) <= 1e9 else NAN for time in (start, end))
        d = end - start
        believed = 0.1 <= d <= 30 and n / d <= 50
        d = d if believed else min(30, max(0.1, n / 14))
        p = start - before[1] if same else NAN
        q = 0.0 if math.isnan(p) else min(10.0, max(-10.0, p))
        shared = min(start + d, before[1]) - max(start, before[0]) if not math.isnan(p) else NAN
        found.append(
            [
                math.log(d),
                math.copysign(math.log(1 + abs(q)), q),
                0.0 if math.isnan(shared) else min(1, max(0, shared / d)),
                math.log(min(50, max(0.5, n / d))),
                math.log(1 + w),
                math.log(1 + n),
                math.log(1 + place),
                float(not believed),
                float(math.isnan(p)),
                float(same and start < before[0]),
            ]
        )
        before = (start, start + d)
    return found


@given(utterances)
def test_they_are_as_defined_and_finite(rows: list[tuple[str, float, float, str]]) -> None:
    found = timing_features(table(*rows))
    assert found.shape == (len(rows), len(NAMES))
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    if rows:
        assert found == pytest.approx(np.array(naive(rows)), rel=1e-4, abs=1e-4)


@given(utterances, st.floats(-100, 100).filter(math.isfinite))
def test_what_is_not_in_a_conversation_does_not_matter(
    rows: list[tuple[str, float, float, str]], start: float
) -> None:
    alone = timing_features(table(*rows))
    after = timing_features(table(("other", start, start + 2, "well"), *rows))
    assert np.array_equal(after[1:], alone)


def test_plain_utterances() -> None:
    first, second = features(("a", 10.0, 12.0, "Oh my God"), ("a", 13.0, 14.0, "What?"))
    assert first["log_duration"] == pytest.approx(math.log(2))
    assert first["log_rate"] == pytest.approx(math.log(9 / 2))
    assert first["log_words"] == pytest.approx(math.log(4))
    assert first["log_characters"] == pytest.approx(math.log(10))
    assert (first["no_pause"], first["pause"], first["position"]) == (1, 0, 0)
    assert second["pause"] == pytest.approx(math.log(2))
    assert second["position"] == pytest.approx(math.log(2))
    assert (second["no_pause"], second["overlap"], second["repaired"]) == (0, 0, 0)


def test_overlap_is_a_share_and_its_pause_negative() -> None:
    _, second = features(("a", 0.0, 3.0, "Oh my God"), ("a", 2.0, 6.0, "What is it?"))
    assert second["overlap"] == pytest.approx(1 / 4)
    assert second["pause"] == pytest.approx(-math.log(2))


def test_each_conversation_begins_anew() -> None:
    _, second = features(("a", 0.0, 3.0, "Oh my God"), ("b", 2.0, 6.0, "What is it?"))
    assert (second["no_pause"], second["overlap"], second["position"]) == (1, 0, 0)


@pytest.mark.parametrize(
    ("start", "end"),
    [(5.0, 5.0), (5.0, 5.02), (5.0, 46.04), (5.0, 309.94), (5.0, 5.12), (5.0, 4.0), (5.0, NAN)],
    ids=["0 s", "0.02 s", "41 s", "304 s", "spoken too fast", "ends before", "no end"],
)
def test_what_cannot_be_is_estimated(start: float, end: float) -> None:
    text = "Where did you go?"
    first, second = features(("a", start, end, text), ("a", 7.0, 8.0, "Out."))
    estimate = len(text) / 14
    assert first["repaired"] == 1
    assert first["log_duration"] == pytest.approx(math.log(estimate))
    assert second["pause"] == pytest.approx(math.log(1 + 2 - estimate), rel=1e-5)


def test_without_words_there_are_the_times() -> None:
    found = timing_features(table(("a", 10.0, 12.0, "Oh my God")).drop(columns="text"))
    row = dict(zip(NAMES, found[0].tolist(), strict=True))
    assert row["log_duration"] == pytest.approx(math.log(2))
    assert (row["log_words"], row["log_characters"], row["repaired"]) == (0, 0, 0)


def test_times_that_jump_are_clipped() -> None:
    found = features(
        ("a", 500.0, 502.0, "Oh my God"),
        ("a", 100.0, 102.0, "What is it?"),
        ("a", 1500.0, 1502.0, "Nothing."),
    )
    assert [row["pause"] for row in found] == pytest.approx([0, -math.log(11), math.log(11)])
    assert [row["backwards"] for row in found] == [0, 1, 0]


def test_notes_count_what_was_found() -> None:
    rows = table(
        ("a", 0.0, 0.0, "Oh"),
        ("a", 9.0, NAN, "Oh"),
        ("a", 5.0, 50.0, "Oh"),
        ("a", 51.0, 51.5, "x" * 40),
    )
    assert list(timing_notes(rows)) == [
        "timing: 1 times are missing; estimated from the text",
        "timing: 1 durations are below 0.1 s; estimated from the text",
        "timing: 1 durations are above 30 s; estimated from the text",
        "timing: 1 durations would need over 50 characters a second; estimated from the text",
        "timing: 1 utterances start before the one before them; kept as they are",
    ]
    assert list(timing_notes(table(("a", 0.0, 1.0, "Oh")))) == []
    assert list(timing_notes(table())) == []
