"""The confirmed winner as a model that ``mlflow.pytorch.load_model`` gives back."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tracking.mirror.client import configure_client

if TYPE_CHECKING:
    import torch

MODEL_NAME = "model"
PACKAGES = ("torch", "numpy", "cloudpickle")


def log_model(
    client_uri: str,
    run_id: str,
    module: "torch.nn.Module",
    example: npt.NDArray[np.float32],
    output: npt.NDArray[np.float32],
) -> str:
    """Log ``module`` as the model of a run, with a signature; the run's status stays as it is.

    A run that has a model keeps it, so that a repeat changes nothing. Loading needs this package
    to be installed, because the module is stored with references to its classes.

    Args:
        client_uri: address of the MLflow server.
        run_id: the run to log into.
        module: the trained model, on the CPU.
        example: an input of ``module``, for the signature.
        output: what ``module`` makes of ``example``.

    Returns:
        The model's address for ``mlflow.pytorch.load_model``.
    """
    configure_client()
    logging.getLogger("mlflow.pytorch").setLevel(logging.ERROR)  # it warns of pickle: our choice
    import mlflow
    from mlflow.models import infer_signature

    client = mlflow.MlflowClient(tracking_uri=client_uri)
    run = client.get_run(run_id)
    for logged in run.outputs.model_outputs if run.outputs else ():
        if client.get_logged_model(logged.model_id).status == "READY":
            return f"models:/{logged.model_id}"
    with _tracking_at(client_uri):
        model = client.create_logged_model(
            run.info.experiment_id, name=MODEL_NAME, source_run_id=run_id
        )
        # An active run would be set to RUNNING and then FINISHED: name the run instead.
        info = mlflow.pytorch.log_model(
            module,
            model_id=model.model_id,
            run_id=run_id,
            signature=infer_signature(example, output),
            pip_requirements=[f"{package}=={version(package)}" for package in PACKAGES],
            serialization_format="pickle",
        )
    return str(info.model_uri)


@contextmanager
def _tracking_at(uri: str) -> Iterator[None]:
    """Point MLflow's global client at ``uri``, which also sets a variable; put both back."""
    import mlflow

    variable = "MLFLOW_TRACKING_URI"
    before, given = mlflow.get_tracking_uri(), os.environ.get(variable)
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)
        if given is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = given
