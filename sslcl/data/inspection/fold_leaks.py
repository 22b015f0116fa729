"""What a corpus looks like in folds: their sizes, and what is in more than one of them.

Whatever is in two folds is trained from while its like tests.
"""

from dataclasses import dataclass, replace

import numpy as np

from sslcl.data.corpus import Corpus, dataset_of
from sslcl.data.folds import with_folds
from sslcl.data.inspection.duplicates import LONG, overlaps, repeated_texts
from sslcl.data.inspection.speakers import named_speakers
from sslcl.data.types import Fold

_SHOWN = 3


@dataclass(frozen=True)
class FoldInspection:
    """Folds of a corpus, and what leaks between them.

    Args:
        folds: in order.
        warnings: one line each.
    """

    folds: tuple[Fold, ...]
    warnings: tuple[str, ...]


def inspect_folds(corpus: Corpus, scheme: str) -> FoldInspection:
    """Divide ``corpus`` and look at what its folds share.

    Args:
        corpus: that can be trained from.
        scheme: see :func:`sslcl.data.folds.fold_scheme`.

    Raises:
        InputError: when it cannot be divided so.
    """
    # Folds do not depend on features, which text has yet to be given.
    rows = np.zeros((len(corpus.table), 1), np.float32)
    dataset = with_folds(dataset_of(replace(corpus, features={"none": rows})), scheme)
    conversations = [*dataset.train, *dataset.validation, *(dataset.test or ())]
    home = {conversations[at].id: fold.name for fold in dataset.folds for at in fold.test}
    divided = replace(
        corpus, table=corpus.table.assign(split=corpus.table["conversation"].map(home))
    )
    warnings = (*_overlaps(divided), *_texts(divided), *_speakers(divided))
    return FoldInspection(dataset.folds, warnings)


def _overlaps(divided: Corpus) -> list[str]:
    pairs = [one for one in overlaps(divided) if one.leaks]
    if not pairs:
        return []
    shown = ", ".join(
        f"'{one.conversations[0]}' ({one.splits[0]}) and '{one.conversations[1]}' "
        f"({one.splits[1]}): {'the same' if one.same else f'{one.share:.0%}'}"
        for one in pairs[:_SHOWN]
    )
    more = f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    return [f"conversations that overlap across folds: {shown}{more}"]


def _texts(divided: Corpus) -> list[str]:
    repeated = repeated_texts(divided)
    if not repeated:
        return []
    text, folds = repeated[0]
    return [
        f"{len(repeated)} utterances of {LONG} or more words are in several folds, such as "
        f"'{text[:60]}' in {' and '.join(folds)}"
    ]


def _speakers(divided: Corpus) -> list[str]:
    homes = named_speakers(divided.table).groupby("speaker", sort=False)["split"].unique()
    shared = homes[homes.map(len) > 1]
    if shared.empty:
        return []
    return [
        f"{len(shared)} of {len(homes)} speakers are in several folds, such as "
        f"'{shared.index[0]}' in {' and '.join(map(str, shared.iloc[0]))}: scores do not tell of "
        "new speakers"
    ]
