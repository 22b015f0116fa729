"""Starting Ray, or joining one, while this process imports what it needs next."""

import importlib
import logging
import os
import threading
from typing import Any

import ray

from sslcl.registry.plugins import PLUGINS_VARIABLE, remembered
from study.execution.machine.ray_address import chosen_address
from study.execution.machine.ray_nodes import code_modules, short_folder
from study.execution.resources import ClusterResources


def start_ray(resources: ClusterResources) -> str:
    """Join the cluster that is asked for, else start Ray on this machine, unless that is done.

    Ray's processes take seconds to answer, in which libraries are imported that Ray Tune needs.

    Returns:
        The address that was asked for; ``local`` where Ray was started here.
    """
    # Else Ray would join whatever cluster of this machine it finds, even one that is ending.
    address = chosen_address(resources.address) or "local"
    if ray.is_initialized():
        return address
    quiet_ray()
    logging.getLogger("ray").setLevel(logging.ERROR)
    importing = threading.Thread(target=importlib.import_module, args=("pandas",))
    importing.start()
    try:
        ray.init(
            address=address,
            include_dashboard=False,
            log_to_driver=False,
            runtime_env=_environment(joined=address != "local"),
            logging_level=logging.ERROR,
            **({"_temp_dir": folder} if address == "local" and (folder := short_folder()) else {}),
        )
    finally:
        importing.join()
    return address


def _environment(*, joined: bool) -> dict[str, Any]:
    """Ray's runtime environment: workers on other nodes load the same code and plugin files."""
    environment: dict[str, Any] = {}
    if joined:
        environment |= {"py_modules": code_modules(), "excludes": ["__pycache__"]}
    if files := remembered():
        environment["env_vars"] = {PLUGINS_VARIABLE: os.pathsep.join(map(str, files))}
    return environment


def quiet_ray() -> None:
    """Turn off what Ray Tune writes and prints beside us; the ledger is the record."""
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
    os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
    os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "1000000")
    os.environ.setdefault("TUNE_WARN_THRESHOLD_S", "1000")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
