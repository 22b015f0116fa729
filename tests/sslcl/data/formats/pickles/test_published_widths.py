"""Feature tuples whose features are of other widths than the published ones."""

from pathlib import Path

from sslcl.data.formats import recognise

from ...writers import iemocap_tuple, made_up


def test_features_of_another_width_are_read_with_a_note(tmp_path: Path) -> None:
    made = made_up.iemocap()
    made_up.write(tmp_path / "own.pkl", tuple(iemocap_tuple.content(made, (768, 100, 512))))
    corpus = recognise(tmp_path)
    assert {name: x.shape[1] for name, x in corpus.features.items()} == {
        "text": 768,
        "audio": 100,
        "video": 512,
    }
    told = "features are of other widths than the published ones: text 768 (usual 100)"
    assert told in corpus.notes
