"""``python -m benchmarks.objectives --data-dir PATH``: objectives judged by validation alone.

Trains each objective with the default configuration and a recurrent backbone on ``synthetic``, on
MOSI and on MELD's official training and development files, and prints Markdown: mean and standard
deviation of validation weighted F1 over the seeds. No test split is read. MELD's text is given as
TF-IDF reduced to 128 dimensions, fitted on the training utterances: weak features, but enough to
tell objectives apart.
"""

from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import click
import pandas as pd
import torch
from rich.console import Console
from rich.progress import track
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.data.types import Conversation, Dataset
from sslcl.training import Trainer

EMOTIONS = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
VARIANTS: dict[str, dict[str, str]] = {
    "`cross_entropy`": {"objective": "cross_entropy"},
    "`sslcl`, `soft_hgr`": {"objective": "sslcl", "similarity": "soft_hgr"},
    "`sslcl`, `cosine`": {"objective": "sslcl", "similarity": "cosine"},
    "`sslcl_calibrated`": {"objective": "sslcl_calibrated"},
}


def meld(folder: Path) -> Dataset:
    """MELD's training and development dialogues; the test file is not opened."""
    tables = [pd.read_csv(folder / f"{name}_sent_emo.csv") for name in ("train", "dev")]
    vectorise = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    reduce = TruncatedSVD(128, random_state=0)
    reduce.fit(vectorise.fit_transform(tables[0]["Utterance"]))
    train, validation = (
        tuple(
            conversation(rows, reduce.transform(vectorise.transform(rows["Utterance"])))
            for _, rows in table.groupby("Dialogue_ID")
        )
        for table in tables
    )
    return Dataset("meld", EMOTIONS, {"text": 128}, 9, train, validation, None, "")


def conversation(rows: pd.DataFrame, features: object) -> Conversation:
    """One dialogue; a speaker is the n-th participant to speak."""
    return Conversation(
        id=str(rows["Dialogue_ID"].iloc[0]),
        utterance_ids=tuple(map(str, rows["Utterance_ID"])),
        speakers=torch.tensor(pd.factorize(rows["Speaker"])[0]),
        labels=torch.tensor([EMOTIONS.index(name) for name in rows["Emotion"]]),
        features={"text": torch.tensor(features, dtype=torch.float32)},
    )


def score(config: TrialConfig, dataset: Dataset) -> float:
    """Best validation weighted F1 of one training."""
    trainer = Trainer(config, dataset)
    while not trainer.finished:
        trainer.fit_epoch()
    return trainer.best_score


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--seeds", default=3, show_default=True)
def main(data_dir: Path, seeds: int) -> None:
    """Print the table of objectives in docs/methods.md."""
    torch.set_num_threads(1)
    datasets = {
        "synthetic": load_dataset("synthetic").sealed(),
        "mosi": load_dataset("mosi", data_dir=data_dir).sealed(),
        "meld": meld(data_dir / "meld"),
    }
    cells = [(variant, name) for variant in VARIANTS for name in datasets]
    found = {}
    for variant, name in track(cells, "training", console=Console(stderr=True)):
        base = TrialConfig.parse(VARIANTS[variant] | {"epochs": 12, "learning_rate": 2e-3})
        found[variant, name] = [
            100 * score(base.replace(seed=seed), replace(datasets[name], test=None))
            for seed in range(1, seeds + 1)
        ]
    print(f"| objective | {' | '.join(datasets)} |")
    print("|---" * (1 + len(datasets)) + "|")
    for variant in VARIANTS:
        row = [found[variant, name] for name in datasets]
        print(f"| {variant} | {' | '.join(f'{fmean(x):.2f} ± {stdev(x):.2f}' for x in row)} |")


if __name__ == "__main__":
    main()
