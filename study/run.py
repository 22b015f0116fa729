"""``python -m study.run``: run a study, or go on with it."""

import json
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import click
from rich.console import Console

from search_spaces.loader import load_study
from search_spaces.schema import Study
from sslcl.augmentation import views_of
from sslcl.data import load_dataset
from sslcl.data.types import Dataset
from sslcl.errors import InputError
from sslcl.identity import code_fingerprint
from sslcl.model import chosen_modalities
from study.analysis.comparisons import write_comparisons
from study.cli.command import OneLineCommand
from study.cli.console import person_console
from study.dry_run import show_plan
from study.execution.campaign import Campaign
from study.execution.environment import environment
from study.execution.lock import only_driver
from study.execution.mlflow_session import TrackingSession
from study.execution.resources import Halt, Resources
from study.execution.winner import NothingToCompare
from study.reporting.html import save_html
from study.reporting.report import save_report, show_report
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Status

INTERRUPTED = 130


@click.command(cls=OneLineCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("study")
@click.option(
    "--data",
    metavar="NAME|PATH",
    help="Run on this dataset, or on the files at this path, instead of the study's own.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    envvar="SSLCL_DATA",
    help="Folder that holds the datasets' folders [env: SSLCL_DATA].",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change the study: a key such as search.trials=4, or a field such as batch_size=8.",
)
@click.option(
    "--design",
    metavar="NAME",
    help="Which ablation: search, grid, fractional, one_factor, leave_one_out or tuned; "
    "short for --set ablate.design=NAME.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Trials at a time.")
@click.option("--gpus-per-trial", type=click.FloatRange(min=0), help="GPUs each trial holds.")
@click.option("--address", metavar="RAY", help="An existing Ray cluster [env: RAY_ADDRESS].")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Folder for everything a run leaves.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be trained and stop.")
def main(
    study: str,
    data: str | None,
    data_dir: Path | None,
    overrides: Sequence[str],
    design: str | None,
    workers: int | None,
    gpus_per_trial: float | None,
    address: str | None,
    home: Path,
    dry_run: bool,
) -> None:
    """Run STUDY: the name of a file in search_spaces/, or a path.

    Running the same command again goes on where it stopped, and trains nothing twice.
    """
    console = person_console()
    try:
        chosen = [f"ablate.design={design}"] if design else []
        spec = load_study(study, [*overrides, *chosen], data)
        dataset = load_dataset(spec.dataset, spec.dataset_options, data_dir)
        check_modalities(spec, dataset)
        resources = Resources(
            workers=trials_at_a_time(spec, workers),
            cpus_per_trial=spec.resources.cpus_per_trial,
            gpus_per_trial=(
                spec.resources.gpus_per_trial if gpus_per_trial is None else gpus_per_trial
            ),
            address=address,
        )
        if dry_run:
            show_plan(spec, dataset, home, resources, console)
            return
        with only_driver(home):
            code = run_study(spec, dataset, home, resources, console)
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    sys.exit(code)


def run_study(
    spec: Study, dataset: Dataset, home: Path, resources: Resources, console: Console
) -> int:
    """Bring a study to its end and show what it found.

    Returns:
        0, 1 when trials failed, 130 when a person stopped it.
    """
    ledger = Ledger.at(Home(home))
    halt = Halt(spec.budget.hours * 3600 if spec.budget.hours else None)
    describe(spec, dataset, console)
    register(ledger, spec, dataset, console)
    try:
        with TrackingSession(ledger, spec.name, home, console) as tracking:
            campaign = Campaign(
                spec, dataset, ledger, home, resources, console, halt, on_start=tracking.start
            )
            with halt.listening(console):
                try:
                    campaign.run()
                except NothingToCompare as error:
                    console.print(f"[red]{error}[/red]")
            stopped = halt()
            set_status(ledger, spec.name, "STOPPED" if stopped else "COMPLETE")
            write_comparisons(ledger, spec.name)
            files = [
                *save_report(ledger, spec.name, Home(home)),
                save_html(ledger, spec.name, Home(home)),
            ]
            if not stopped:
                tracking.log_winner(spec, dataset)
        show_report(ledger, spec.name, console)
        failed = name_failures(ledger, spec.name, console)
        where_next(spec.name, home, files, campaign.trained, stopped, console)
    finally:
        ledger.close()
    if halt.signalled:
        return INTERRUPTED
    return 1 if failed else 0


def trials_at_a_time(spec: Study, workers: int | None) -> int | None:
    """What ``--workers`` says, else the study file; 1 where trials are timed one by one.

    Raises:
        InputError: when more are asked for of a study whose trials run one at a time.
    """
    if not spec.resources.exclusive:
        return workers or spec.resources.workers
    if workers is not None and workers > 1:
        raise InputError(
            f"--workers is {workers}: expected 1, since study '{spec.name}' says resources: "
            "{exclusive: true}, which runs trials one at a time"
        )
    return 1


def check_modalities(spec: Study, dataset: Dataset) -> None:
    """Refuse a study that names a modality, or a view of some, which the dataset lacks.

    Raises:
        InputError: naming it.
    """
    base = spec.base_config(seed=0)
    levels = {name: factor.probes() for name, factor in spec.factors.items()}
    configs = [spec.config({"modalities": level}, 0) for level in levels.get("modalities", ())]
    for config, augmentation in product(
        [base, *configs], [base.augmentation, *levels.get("augmentation", ())]
    ):
        views_of(str(augmentation), chosen_modalities(config, dataset))


def describe(spec: Study, dataset: Dataset, console: Console) -> None:
    """Say what is about to run, and on what."""
    kind = "synthetic" if dataset.synthetic else "real"
    parts = [
        f"{len(split)} {name} conversations"
        for name, split in (
            ("training", dataset.train),
            ("validation", dataset.validation),
            ("test", dataset.test or ()),
        )
    ]
    console.print(f"[bold]{spec.name}[/bold]: {spec.description}")
    console.print(f"data: {dataset.name} ({kind}): {', '.join(parts)}")


def register(ledger: Ledger, spec: Study, dataset: Dataset, console: Console) -> None:
    """Write the study to the ledger, and say by name what changed since the last run."""
    from search_spaces.schema import changes

    now = spec.canonical()
    known = {row.name: row for row in ledger.studies()}
    before = known.get(spec.name)
    if before is not None:
        for change in changes(dict(before.spec), now):
            console.print(f"changed since the last run: {change}")
        if before.data_fingerprint != dataset.fingerprint:
            console.print("changed since the last run: the data")
        if dict(before.spec) == now and before.data_fingerprint == dataset.fingerprint:
            return
    ledger.put_study(
        spec.name,
        spec=json.loads(json.dumps(now)),
        dataset=dataset.name,
        data_fingerprint=dataset.fingerprint,
        label_names=dataset.label_names,
        code_fingerprint=code_fingerprint(spec.base_config(seed=0)),
        environment=environment() | {"synthetic": dataset.synthetic},
    )


def set_status(ledger: Ledger, name: str, status: str) -> None:
    """Note how the study stands, if that is news."""
    if ledger.study(name).status != status:
        ledger.set_study_status(name, status)


def name_failures(ledger: Ledger, name: str, console: Console) -> int:
    """Name the trials that failed, and why."""
    failed = ledger.trials(name, status=Status.FAILED)
    if failed:
        console.print(f"[red]{len(failed)} trials failed:[/red]")
    for row in failed[:10]:
        console.print(
            f"  {row.id[:12]}  {row.phase} {row.cell} seed {row.config.seed}: "
            f"{row.failure}: {row.message}"
        )
    if len(failed) > 10:
        console.print(f"  and {len(failed) - 10} more")
    return len(failed)


def where_next(
    name: str, home: Path, files: Sequence[Path], trained: int, stopped: bool, console: Console
) -> None:
    """The last lines of every run: where to look."""
    at = "" if home == Path("runs") else f" --home {home}"
    done = f"{trained} trials trained" if trained else "nothing left to train"
    if stopped:
        console.print(f"stopped: {done}; run the same command again to go on")
    else:
        console.print(f"done: {done}")
    rows = [
        ("results", f"sqlite3 {home}/results.db 'select * from ablation where study = \"{name}\"'"),
        ("trials", f"python -m tracking.server{at}"),
        ("search", f"optuna-dashboard sqlite:///{home}/optuna.db"),
        ("tables", f"python -m study.report {name}{at} --format latex"),
    ]
    for label, suffix in (("picture", ".png"), ("report", ".html")):
        rows[1:1] = [(label, str(path)) for path in files if path.suffix == suffix][:1]
    for label, command in rows:
        console.print(f"  {label:<8} {command}", soft_wrap=True)


if __name__ == "__main__":
    main()
