"""``python -m study.run``: run a study, or go on with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from sslcl.command import OneLineCommand, data_dir_option, plugin_option, warn
from sslcl.errors import InputError
from tracking.home import Home, artifacts_option, home_option

if TYPE_CHECKING:
    from search_spaces.schema import Study
    from study.execution.resources import ClusterResources


@dataclass(frozen=True)
class ResourceOptions:
    """What the command line says about resources; ``None`` where it says nothing."""

    workers: int | None
    gpus_per_trial: float | Literal["auto"] | None
    address: str | None

    def applied(self, study: "Study") -> "ClusterResources":
        """The study's resources with what the command line says instead.

        Raises:
            InputError: when more workers are asked for of a study whose trials run one at a time.
        """
        from study.execution.resources import ClusterResources

        own = study.resources
        gpus = own.gpus_per_trial if self.gpus_per_trial is None else self.gpus_per_trial
        if own.exclusive and self.workers is not None and self.workers > 1:
            raise InputError(
                f"--workers is {self.workers}: expected 1, since study '{study.name}' says "
                "resources: {exclusive: true}, which runs trials one at a time"
            )
        return ClusterResources(
            workers=1 if own.exclusive else self.workers or own.workers,
            cpus_per_trial=own.cpus_per_trial,
            gpus_per_trial=None if gpus == "auto" else gpus,
            address=self.address,
        )


class _Gpus(click.FloatRange):
    name = "number or auto"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        return value if value == "auto" else super().convert(value, param, ctx)


@click.command(cls=OneLineCommand)
@click.argument("study_name", metavar="STUDY")
@click.option(
    "--data",
    metavar="NAME|PATH",
    help="Run on this dataset, or on the files at this path, instead of the study's own.",
)
@data_dir_option
@plugin_option
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
@click.option(
    "--gpus-per-trial",
    type=_Gpus(min=0),
    metavar="NUMBER|auto",
    help="GPUs each trial holds; auto: by the memory that the first of its kind took.",
)
@click.option("--address", metavar="RAY", help="An existing Ray cluster [env: RAY_ADDRESS].")
@home_option
@artifacts_option
@click.option("--dry-run", is_flag=True, help="Show what would be trained and stop.")
def main(  # noqa: PLR0913
    study_name: str,
    data: str | None,
    data_dir: Path | None,
    overrides: Sequence[str],
    design: str | None,
    workers: int | None,
    gpus_per_trial: float | Literal["auto"] | None,
    address: str | None,
    home: Home,
    dry_run: bool,
) -> int:
    """Run STUDY: the name of a file in search_spaces/, or a path.

    Running the same command again goes on where it stopped, and trains nothing twice.
    """
    # Help must not wait for PyTorch.
    from search_spaces.loader import load_study
    from sslcl.data import load_dataset
    from sslcl.data.features.unknown_tokens import PREFIX
    from sslcl.data.folds import fold_warnings
    from study.cli.console import person_console
    from study.design.folds import divided
    from study.driver import check_criterion, check_modalities

    console = person_console()
    chosen = [f"ablate.design={design}"] if design else []
    study = load_study(study_name, [*overrides, *chosen], data)
    dataset = load_dataset(study.dataset, study.dataset_options, data_dir)
    study, dataset = divided(study, dataset)
    check_modalities(study, dataset)
    check_criterion(study, dataset)
    for note in (*(n for n in dataset.notes if n.startswith(PREFIX)), *fold_warnings(dataset)):
        warn(note)
    resources = ResourceOptions(workers, gpus_per_trial, address).applied(study)
    if dry_run:
        from study.dry_run import show_plan

        show_plan(study, dataset, home, resources, console)
        return 0
    from study.driver import run_study
    from study.execution.lock import only_driver
    from study.execution.machine.outside import told_plainly
    from study.execution.machine.ray_address import chosen_address, require_cluster

    if cluster := chosen_address(address):
        require_cluster(cluster)
    home.require_databases()
    home.require_artifacts()
    with only_driver(home), told_plainly(home):
        home.claim_artifacts()
        return run_study(study, dataset, home, resources, console)


if __name__ == "__main__":
    main()
