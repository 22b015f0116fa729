"""MLflow beside a campaign: a server, a mirror, and the winner's model; never in its way."""

import time
from collections.abc import Callable
from types import TracebackType

import torch

from search_spaces.schema import Study
from sslcl.data.folds import of_fold
from sslcl.data.types import Dataset
from sslcl.model import ConversationScorer
from study.design.data_facts import DataFacts
from study.design.folds import parts_of
from study.execution.trial import device_of, load_state, train
from study.execution.winner import NothingToCompare, winner_of_confirmation
from study.execution.workspace import Workspace
from tracking.home import Home, model
from tracking.ledger import Ledger
from tracking.mirror import Destination, Mirror
from tracking.mirror.model import log_model
from tracking.server import Server, serve

DRAIN_SECONDS = 120.0


class TrackingSession:
    """Starts an MLflow server and the mirror when there is something to mirror.

    Training never waits for it: what MLflow misses is caught up by the next run, or by
    ``python -m tracking.reconcile``.

    Args:
        workspace: ledger, home folder and console of the run.
        study_name: whose trials are mirrored.
    """

    def __init__(self, workspace: Workspace, study_name: str) -> None:
        self._ledger = workspace.ledger
        self._home = workspace.home
        self._console = workspace.console
        self._study_name = study_name
        self._server: Server | None = None
        self._mirror: Mirror | None = None

    def __enter__(self) -> "TrackingSession":
        if self._ledger.count_pending_mirror(self._study_name):
            self.start()
        return self

    def start(self) -> None:
        """Start server and mirror, unless they run; returns at once."""
        if self._mirror is not None:
            return
        self._server = serve(self._home)
        page = self._home.page(self._study_name)
        self._mirror = Mirror(
            self._ledger.url, self._study_name, Destination(once_answered(self._server)), page=page
        )
        self._mirror.start()
        self._console.print(f"MLflow: {self._server.shown}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._mirror is None or self._server is None:
            return
        if error is None:
            with self._console.status("bringing MLflow up to date"):
                self._drain()
        behind = self._mirror.behind()
        self._mirror.stop()
        self._server.stop()
        if behind:
            self._console.print(
                f"MLflow is {behind} trials behind; nothing is lost: "
                f"python -m tracking.reconcile{self._home.option} brings it up to date",
                style="yellow",
            )

    def _drain(self) -> bool:
        """Wait for the mirror as long as there is a server that it could deliver to."""
        if self._mirror is None or self._server is None:
            return False
        deadline = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < deadline:
            if self._mirror.drain(3.0):
                return True
            if not self._server.may_answer():
                return False
        return False

    def log_winner(self, study: Study, dataset: Dataset) -> None:
        """Log the confirmed winner's model to its MLflow run, once; that of each fold."""
        for part in parts_of(study, DataFacts.of(dataset)):
            self._log_winner_of(part, dataset)

    def _log_winner_of(self, study: Study, dataset: Dataset) -> None:
        if study.confirm is None or self._mirror is None or self._server is None:
            return
        try:
            best = winner_of_confirmation(self._ledger, study).best
        except NothingToCompare:
            return
        marker = self._home.logged(best.identity)
        if marker.exists() or not self._drain():
            return
        run = self._ledger.mirror_run(best.id)
        if run is None:
            return
        scorer = load_winner(best.original or best.id, self._ledger, dataset, self._home)
        example = scorer.rows(of_fold(dataset, study.fold).validation[0])
        with torch.no_grad():
            output = scorer(example)
        try:
            log_model(self._server.uri, run, scorer, example.numpy(), output.numpy())
        except Exception as error:  # MLflow must not fail a study that is done
            self._console.print(f"the winner's model was not logged: {error}", style="yellow")
            return
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()


def once_answered(server: Server) -> Callable[[], str | None]:
    """The address of a server from its first answer on, ``None`` before.

    A mirror with an address imports MLflow, which takes the driver seconds that the start of
    workers needs; before the server answers it could deliver nothing.
    """
    answered = False

    def address() -> str | None:
        nonlocal answered
        answered = answered or server.answers()
        return server.uri if answered else None

    return address


def load_winner(trial_id: str, ledger: Ledger, dataset: Dataset, home: Home) -> ConversationScorer:
    """The trained model of a trial: as its worker kept it, else trained again, bit for bit."""
    from sslcl.training import Trainer

    row = ledger.trial(trial_id)
    dataset = of_fold(dataset, row.config.fold)
    state = load_state(home.store, model(row.identity))
    if state is None:
        trainer, _ = train(row.config, dataset.sealed(), device=device_of(row.worker))
    else:
        trainer = Trainer(row.config, dataset.sealed(), device_of(row.worker))
        trainer.model.load_state_dict(state)
    trained = trainer.model.cpu().eval()
    names = [dataset.modalities[name] for name in trained.modalities]
    return ConversationScorer(trained, names).eval()
