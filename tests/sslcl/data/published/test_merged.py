"""IEMOCAP's four classes with happy and excited as one."""

from pathlib import Path

from sslcl.data.formats import recognise

from ..writers import iemocap_tuple, made_up


def test_excited_is_happy_and_frustrated_is_context(tmp_path: Path) -> None:
    content = iemocap_tuple.content(made_up.iemocap())
    corpus = recognise(made_up.write(tmp_path / "a.pkl", tuple(content)))
    assert corpus.tasks["emotion4_merged"].classes == ("happy", "sad", "neutral", "angry")
    pairs = set(zip(corpus.table["emotion"], corpus.table["emotion4_merged"], strict=True))
    assert ("excited", "happy") in pairs
    assert ("happy", "happy") in pairs
    context = corpus.table["emotion"] == "frustrated"
    assert corpus.table["emotion4_merged"].isna().equals(context)
