"""Every set of real files: the right reader, counts, name and licence; and each trains."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from search_spaces import load_study
from sslcl.data import Dataset, load_dataset
from sslcl.data.corpus import with_validation
from sslcl.data.features import text as text_features
from sslcl.data.formats import format_of, read_noted
from sslcl.data.inspection.inspection import require_usable
from sslcl.data.reading.path_contents import PathContents
from sslcl.data.types import PAD_LABEL, Split
from sslcl.training import Trainer
from study.driver import check_criterion, check_modalities

from ..real_sets import REAL_SETS, RealSet

STUDY = """
study: tiny
base: {epochs: 1, hidden_size: 8, label_embedding_width: 8, backbone: utterance}
factors: {objective: [sslcl, cross_entropy]}
ablate: {factors: [objective], seeds: 2, reference: {objective: sslcl}}
"""
FEW = 40
each = pytest.mark.parametrize("real", REAL_SETS, ids=lambda real: real.folder.split("/")[-1])


@each
def test_it_is_read_as_what_it_is(data_dir: Path, real: RealSet) -> None:
    contents = PathContents(real.place(data_dir))
    layout = format_of(contents)
    assert (layout.name, len(layout.claims(contents))) == (real.layout, real.files)
    corpus = read_noted(layout, contents)
    assert corpus.name == real.name
    assert corpus.licence.startswith(real.licence)
    assert bool(corpus.licence) == bool(real.licence)
    assert corpus.table["split"].value_counts().to_dict() == real.utterances
    assert tuple(corpus.tasks) == real.tasks
    require_usable(with_validation(corpus))


def by_words(texts: Sequence[str], encoder: str) -> NDArray[np.float32]:
    """Counts of words by a hash, in the place of an encoder that would take minutes."""
    del encoder
    features = np.zeros((len(texts), 16), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in text.lower().split():
            features[row, zlib.crc32(word.encode()) % 16] += 1
    return features


def few(split: Split) -> Split:
    """The first conversations, those with a label."""
    labelled = (c for c in split if bool((c.labels != PAD_LABEL).any()))
    return tuple(c for c, _ in zip(labelled, range(FEW), strict=False))


def small(dataset: Dataset) -> Dataset:
    assert dataset.test is not None
    train, validation, test = map(few, (dataset.train, dataset.validation, dataset.test))
    return replace(dataset, train=train, validation=validation, test=test)


@pytest.mark.medium
@each
def test_it_trains_an_epoch_as_study_run_has_it(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real: RealSet
) -> None:
    path = real.place(data_dir)
    monkeypatch.setenv("SSLCL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(text_features, "encode_texts", by_words)
    (tmp_path / "tiny.yaml").write_text(STUDY)
    study = load_study(str(tmp_path / "tiny.yaml"), data=str(path))
    dataset = load_dataset(study.dataset, study.dataset_options)
    check_modalities(study, dataset)
    check_criterion(study, dataset)
    assert dataset.name == real.name
    assert len(dataset.fingerprint) == 64
    part = small(dataset)
    trainer = Trainer(study.base_config(seed=0), part)
    epoch = trainer.fit_epoch()
    assert np.isfinite(epoch["train_loss"])
    assert part.test is not None
    tested = trainer.test(part.test)
    assert len(tested.labels) > 0
    assert 0 <= tested.metrics["uar"] <= 1
