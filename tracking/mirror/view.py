"""The comparison that MLflow's UI opens on: an ablation's runs by cell, its factors as columns."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from sslcl.learning.score_names import DEFAULT_SCORE
from tracking.mirror.contents import factor_names, metric_key
from tracking.records import Phase

VIEW_KEY = "comparison"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW_KEY}"
"""Tag of an experiment under which MLflow keeps a view that can be linked to."""


def comparison_view(spec: Mapping[str, Any]) -> str:
    """The text of :data:`VIEW_TAG` for a study: which runs, in which groups, with which columns.

    Args:
        spec: the study file, as the ledger has it.
    """
    score = str(spec.get("criterion") or DEFAULT_SCORE)
    phase = _compared(spec)
    metric = f"metrics.`{metric_key('score' if phase is Phase.SEARCH else f'test_{score}')}`"
    columns = [metric, *(f"tags.`{name}`" for name in factor_names(spec)), "params.`seed`"]
    if spec.get("folds"):
        columns.append("params.`fold`")
    view: dict[str, Any] = {
        "searchFilter": f"tags.phase = '{phase}' and tags.current = 'true'",
        "orderByKey": metric,
        "orderByAsc": False,
        "selectedColumns": columns,
    }
    if phase is not Phase.SEARCH:
        by_cell = [{"mode": "tag", "groupByData": "cell"}]
        view["groupBy"] = {"aggregateFunction": "average", "groupByKeys": by_cell}
    return json.dumps(view, sort_keys=True)


def comparison_address(server: str, experiment: str) -> str:
    """Where a browser finds the comparison of an experiment.

    Args:
        server: address of the MLflow server.
        experiment: its id.
    """
    return f"{server}/#/experiments/{quote(experiment)}/runs?viewStateShareKey={VIEW_KEY}"


def _compared(spec: Mapping[str, Any]) -> Phase:
    """The last phase of a study that compares anything."""
    ablate = spec.get("ablate") or {}
    if ablate and ablate.get("design") != "search":
        return Phase.ABLATE
    return Phase.CONFIRM if spec.get("confirm") else Phase.SEARCH
