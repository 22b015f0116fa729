"""IEMOCAP's four classes as the field of speech emotion recognition has them."""

from dataclasses import replace

import pandas as pd

from sslcl.data.corpus import Corpus, Task
from sslcl.data.published.corpora.iemocap import IEMOCAP, IEMOCAP_FOUR, MERGED_TASK, RECORD


def with_merged_classes(corpus: Corpus) -> Corpus:
    """IEMOCAP with a task whose class ``happy`` holds happy and excited utterances.

    Frustrated utterances are context without a label. Any other corpus is left as it is.
    """
    emotion = corpus.tasks.get("emotion")
    if corpus.name != RECORD.name or emotion is None or emotion.classes != IEMOCAP:
        return corpus
    if MERGED_TASK in corpus.tasks:
        return corpus
    homes = {**{name: name for name in IEMOCAP_FOUR}, "excited": "happy"}
    names = [homes.get(str(name)) for name in corpus.table[emotion.column]]
    labels = pd.Series(names, index=corpus.table.index, dtype="str")
    return replace(
        corpus,
        table=corpus.table.assign(**{MERGED_TASK: labels}),
        tasks={**corpus.tasks, MERGED_TASK: Task(MERGED_TASK, IEMOCAP_FOUR)},
    )
