"""The thread that carries the ledger to MLflow while a study runs.

A study never waits for MLflow and never fails because of it: what could not be delivered stays
marked in the ledger and is delivered later, by this mirror, the next run's, or
``python -m tracking.reconcile``.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tracking.ledger import Ledger
from tracking.mirror.client import MlflowRuns, Runs
from tracking.mirror.exporter import Exporter, page_digest

LONGEST_WAIT = 30.0
FIRST_WAIT = 0.5
FAILURES_IN_A_ROW = 3


@dataclass(frozen=True)
class Destination:
    """An MLflow server.

    Args:
        address: of the server, or a function that gives it once it is known.
        connect: makes the connection from an address.
    """

    address: str | Callable[[], str | None]
    connect: Callable[[str], Runs] = MlflowRuns

    @property
    def uri(self) -> str | None:
        """The address, where it is known."""
        return self.address() if callable(self.address) else self.address


class Mirror:
    """Delivers a study's trials to MLflow from a thread of its own, at least once, in batches.

    Args:
        ledger_url: database of the ledger; the mirror opens its own connection.
        study_name: of the study.
        destination: where to deliver to.
        interval: seconds between looks at the ledger.
        page: where the study's HTML report is, once there is one.

    Example:
        >>> destination = Destination(server.uri)
        >>> with Mirror("sqlite:///runs/results.db", "quickstart", destination) as mirror:
        ...     run_the_study()
        ...     mirror.drain(timeout=60.0)
    """

    def __init__(
        self,
        ledger_url: str,
        study_name: str,
        destination: Destination,
        interval: float = 2.0,
        page: Path | None = None,
    ) -> None:
        self._ledger = Ledger(ledger_url)
        self._study = study_name
        self._destination = destination
        self._interval = interval
        self._page = page
        self._page_delivered = ""
        self._exporter: Exporter | None = None
        self._exporter_uri = ""
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._draining = False
        self._thread = threading.Thread(target=self._work, name="mlflow-mirror", daemon=True)
        self.last_error: str | None = None
        """Why the last delivery failed, in one line; ``None`` after one that went well."""

    def start(self) -> Self:
        """Start delivering."""
        self._thread.start()
        return self

    def behind(self) -> int:
        """Number of trials whose latest state MLflow does not have yet."""
        return self._ledger.count_pending_mirror(self._study)

    def drain(self, timeout: float) -> bool:
        """Wait until MLflow has everything; whether it has after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        self._draining = True
        try:
            while not self._in_step():
                left = deadline - time.monotonic()
                if left <= 0 or not self._thread.is_alive():
                    return False
                self._wake.set()
                self._stopping.wait(min(left, 0.1))
            return True
        finally:
            self._draining = False

    def stop(self, timeout: float = 10.0) -> None:
        """End the thread after the trial it is at; what is left stays marked in the ledger."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        if not self._thread.is_alive():
            self._ledger.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _in_step(self) -> bool:
        _, _, mirrored = self._ledger.mirror_study(self._study)
        return (
            mirrored >= self._ledger.study(self._study).revision
            and self.behind() == 0
            and page_digest(self._page) in ("", self._page_delivered)
        )

    def _work(self) -> None:
        wait = self._interval
        while not self._stopping.is_set():
            try:
                self._round()
                self.last_error = None
                wait = self._interval
            except Exception as error:  # whatever it is, the study must not notice
                self._failed(error)
                wait = min(max(FIRST_WAIT, 2 * wait), LONGEST_WAIT)
            self._pause(wait)

    def _pause(self, wait: float) -> None:
        if self._draining and self.last_error is not None:
            self._stopping.wait(FIRST_WAIT)
        else:
            self._wake.wait(wait)
        self._wake.clear()

    def _round(self) -> None:
        """Deliver all that is due; raise the first error after trying the rest."""
        exporter = self._connected()
        if exporter is None:
            return
        exporter.push_study()
        failures: list[Exception] = []
        for row in self._ledger.pending_mirror(self._study):
            if self._stopping.is_set():
                break
            try:
                exporter.push(row)
            except Exception as error:
                failures.append(error)
                if len(failures) == FAILURES_IN_A_ROW:
                    break
        if failures:
            raise failures[0]
        self._page_delivered = exporter.push_page()

    def _connected(self) -> Exporter | None:
        uri = self._destination.uri
        if not uri:
            return None
        if self._exporter is None or uri != self._exporter_uri:
            runs = self._destination.connect(uri)
            self._exporter = Exporter(self._ledger, runs, self._study, self._page)
            self._exporter_uri = uri
        return self._exporter

    def _failed(self, error: Exception) -> None:
        text = str(error).strip() or type(error).__name__
        self.last_error = text.splitlines()[0][:300]
        if self._exporter is not None:
            self._exporter.forget()
