"""Plain dialogues as published: JSON of DialogXL, EmoryNLP, M3ED, text of DailyDialog, CoMPM."""

import json
from pathlib import Path
from typing import Any

SPLITS = ("train", "dev", "test")
COMPM_MELD = (
    "Speaker\tUtterance\tEmotion\tSentiment\n\nAnn\tTea?\tneutral\tneutral\n"
    "Bob\tOh no.\tsadness\tnegative\n\nBob\tYes!\tjoy\tpositive\n"
)
COMPM_IEMOCAP = "F\tExcuse me.\tneu\nM\tDo you\thave forms?\tfru\n\nF\tYeah.\thap\n\n"


def write_dialogue_json(folder: Path, labels: tuple[str, str] = ("hap", "sad")) -> None:
    rows: list[list[dict[str, Any]]] = [
        [
            {"text": "Shall I pour?", "speaker": "A", "label": labels[0]},
            {"text": "Oh.", "speaker": "B"},
            {"text": "Please do.", "speaker": "B", "label": labels[1]},
        ]
    ] * 3
    for split in SPLITS:
        (folder / f"{split}_data.json").write_text(json.dumps(rows), encoding="utf-8")


def write_emorynlp_json(folder: Path) -> None:
    for split in ("trn", "dev", "tst"):
        utterances = [
            {
                "utterance_id": f"{split}_u{n}",
                "speakers": ["Ann", "Bob"][: n + 1],
                "transcript": "Tea?",
                "emotion": emotion,
            }
            for n, emotion in enumerate(("Joyful", "Mad"))
        ]
        scenes = [{"scene_id": f"{split}_c1", "utterances": utterances}]
        content = {"season_id": split, "episodes": [{"episode_id": "e1", "scenes": scenes}]}
        file = folder / f"emotion-detection-{split}.json"
        file.write_text(json.dumps(content), encoding="utf-8")


def write_dailydialog(folder: Path, emotions: str = "0 4 \n6 0 0 \n") -> None:
    texts = "Tea ? __eou__ Please . __eou__\nNo ! __eou__ Oh . __eou__ Ah . __eou__\n"
    for split in ("train", "validation", "test"):
        (folder / f"dialogues_{split}.txt").write_text(texts, encoding="utf-8")
        (folder / f"dialogues_emotion_{split}.txt").write_text(emotions, encoding="utf-8")


def write_compm(folder: Path, rows: str, names: str = "MELD_{}.txt") -> None:
    for split in SPLITS:
        (folder / names.format(split)).write_text(rows, encoding="utf-8")


def write_m3ed(folder: Path, lists: bool = True) -> None:
    content = {
        series: {
            f"{series}_{d}": {
                "SpeakerInfo": {"A": {"Name": "王胜男"}},
                "Dialog": {
                    f"{series}_{d}_{u}": {
                        "Text": f"好了没事了{u}",
                        "Speaker": "AB"[u % 2],
                        "EmoAnnotation": {"final_main_emo": ("Happy", "Neutral", "None")[u % 3]},
                    }
                    for u in (10, 2, 1, 3)
                },
            }
            for d in range(4)
        }
        for series in ("one", "two", "three")
    }
    (folder / "M3ED_annotation.json").write_text(json.dumps(content), encoding="utf-8")
    for split, series in zip(("train", "val", "test"), content, strict=True):
        if lists:
            (folder / f"movie_list_{split}.txt").write_text(f"{series}\n")
