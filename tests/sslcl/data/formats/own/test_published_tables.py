"""Published tables in layouts of their own, read with a card: CPED, MEISD, EmoContext."""

from pathlib import Path

import pytest

from sslcl.data.corpus import Corpus
from sslcl.data.formats import format_of, recognise
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError

CPED_HEADER = (
    "TV_ID,Dialogue_ID,Utterance_ID,Speaker,Gender,Age,Neuroticism,Extraversion,Openness,"
    "Agreeableness,Conscientiousness,Scene,FacePosition_LU,FacePosition_RD,Sentiment,Emotion,DA,"
    "Utterance"
)
CPED_CARD = """
name: cped
licence: see its authors
tasks:
  emotion: {column: Emotion, classes: [happy, neutral]}
  sentiment: {column: Sentiment, classes: [negative, neutral, positive]}
"""
MEISD_HEADER = (
    "TV Series,Utterances,dialog_ids,uttr_ids,seasons,episodes,start_times,end_times,sentiment,"
    "emotion"
)
MEISD_CARD = """
name: meisd
columns: {speaker: none}
tasks:
  emotion: {column: emotion, classes: [joy, neutral]}
"""
EMOCONTEXT_CARD = """
name: emocontext
columns: {conversation: id}
turns: [turn1, turn2, turn3]
classes: [others, happy, sad, angry]
"""


def cped(folder: Path) -> Corpus:
    for number, split in enumerate(("train", "valid", "test")):
        rows = [
            f"27,{number}_{d:03},{number}_{d:03}_{u:03},S{u % 2},female,young,low,high,high,high,"
            f"high,car,488_14,654_204,neutral,{('happy', 'neutral')[u % 2]},answer,好了没事了 {u}"
            for d in range(2)
            for u in range(3)
        ]
        text = "\n".join([CPED_HEADER, *rows])
        (folder / f"{split}_split.csv").write_text(text, encoding="utf-8")
    (folder / "data.yaml").write_text(CPED_CARD)
    return recognise(folder)


def test_cped(tmp_path: Path) -> None:
    corpus = cped(tmp_path)
    assert format_of(PathContents(tmp_path)).name == "open"
    assert corpus.table["split"].value_counts().to_dict() == dict.fromkeys(
        ("train", "validation", "test"), 6
    )
    first = corpus.table.iloc[0]
    assert (first["conversation"], first["speaker"], first["text"]) == (
        "0_000",
        "S0",
        "好了没事了 0",
    )
    assert list(corpus.tasks) == ["emotion", "sentiment"]


def test_cped_without_a_card_is_told_of_one_and_not_taken_for_meld(tmp_path: Path) -> None:
    cped(tmp_path)
    (tmp_path / "data.yaml").unlink()
    with pytest.raises(InputError, match=r"no known format.*sslcl\.data init \S+ writes a card"):
        recognise(tmp_path)


def test_meisd_without_speakers(tmp_path: Path) -> None:
    for split in ("train", "test"):
        rows = [
            f"Friends,Words number {u}.,{d},{u},1,2,00:00:0{u},00:00:0{u + 1},neutral,joy"
            for d in range(2)
            for u in range(3)
        ]
        (tmp_path / f"{split}.csv").write_text("\n".join([MEISD_HEADER, *rows]))
    (tmp_path / "data.yaml").write_text(MEISD_CARD)
    corpus = recognise(tmp_path)
    assert corpus.table["conversation"].nunique() == 4
    assert corpus.table["end"].tolist()[:3] == [1.0, 2.0, 3.0]
    assert "speakers are not known: each conversation counts as one speaker's" in corpus.notes


def emocontext(folder: Path, second: str = "1") -> Corpus:
    rows = [
        "id\tturn1\tturn2\tturn3\tlabel",
        "0\tDon't worry\tI do\tHow much?\tothers",
        f"{second}\tHi\tHello\tGreat news!\thappy",
    ]
    for split in ("train", "dev", "test"):
        (folder / f"{split}.tsv").write_text("\n".join(rows))
    (folder / "data.yaml").write_text(EMOCONTEXT_CARD)
    return recognise(folder)


def test_emocontext_has_a_conversation_a_row(tmp_path: Path) -> None:
    corpus = emocontext(tmp_path)
    train = corpus.table[corpus.table["split"] == "train"]
    assert train["text"].tolist()[:3] == ["Don't worry", "I do", "How much?"]
    assert train["speaker"].tolist()[:3] == ["speaker 1", "speaker 2", "speaker 1"]
    assert train["label"].isna().tolist() == [True, True, False] * 2
    assert train["label"].dropna().tolist() == ["others", "happy"]
    assert "each row is a conversation of up to 3 turns; the last one has its label" in corpus.notes


def test_a_conversation_that_is_in_two_rows_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"row 3, column 'id': is '0', expected another id"):
        emocontext(tmp_path, second="0")


def test_a_turn_that_is_no_column_is_told(tmp_path: Path) -> None:
    emocontext(tmp_path)
    card = EMOCONTEXT_CARD.replace("turn3", "tern3")
    (tmp_path / "data.yaml").write_text(card)
    with pytest.raises(InputError, match="lists in 'turns': did you mean 'turn3'"):
        recognise(tmp_path)
