"""deploy/ and docs/clusters.md: whole by their schemas, and only commands that there are."""

import re
import shlex
import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
SCRIPTS = sorted(DEPLOY.glob("*.sh"))
PAGE = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
OURS = re.compile(r"(?:^|[\s\"'/])(python -m (?:study|tracking|sslcl)\S* .*|ray start .*)")


def load(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def accept(words: list[str]) -> None:
    """Have click parse a command without running it.

    Raises:
        click.UsageError: there is no such option or command.
    """
    if words[:2] == ["python", "-m"]:
        main, rest = import_module(words[2]).main, words[3:]
    elif words[0] == "ray":
        main, rest = import_module("ray.scripts.scripts").cli, words[1:]
    else:
        main, rest = import_module(f"{words[0]}.cli").cli, words[1:]
    while isinstance(main, click.Group):
        context = main.make_context(words[0], list(rest), allow_interspersed_args=False)
        _, found, rest = main.resolve_command(context, rest)
        assert found is not None
        main = found
    main.make_context(words[0], list(rest), resilient_parsing=False)


def commands_of(text: str) -> list[str]:
    """Commands of ours and of Ray's in a script, a page or a YAML file, without their ``&``."""
    joined = re.sub(r"\\\n\s*", " ", text)
    blocks = [line for line in joined.splitlines() if not line.lstrip().startswith("#")]
    return [
        found.group(1).rstrip("\"'&; ").split(" &")[0]
        for line in blocks
        if (found := OURS.search(line))
    ]


def words_of(command: str) -> list[str]:
    """Words as a shell would give them, with something in the place of each variable."""
    plain = re.sub(r'"?\$@"?', "", command)
    plain = re.sub(r"\"?\$\{?\w+(?:##\*:)?\}?\"?", "1", plain)
    return shlex.split(plain)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_sound(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    directives = re.findall(r"^#SBATCH (--[\w-]+)=?\S*$", script.read_text(), re.MULTILINE)
    assert {"--nodes", "--cpus-per-task", "--signal", "--requeue"} <= set(directives)
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck: its remarks were not asked for")
    subprocess.run(["shellcheck", script], check=True)


@pytest.mark.parametrize(
    "path",
    [*SCRIPTS, DEPLOY / "kuberay-job.yaml", DEPLOY / "ray-cluster.yaml", ROOT / "docs/clusters.md"],
    ids=lambda path: path.name,
)
def test_every_command_is_one_that_is_accepted(path: Path) -> None:
    commands = commands_of(path.read_text(encoding="utf-8"))
    assert commands
    for command in commands:
        accept(words_of(command))


def test_the_compose_file_names_only_what_it_has() -> None:
    compose = load("compose.yaml")
    services = compose["services"]
    assert set(services) == {"postgres", "mlflow", "head", "worker"}
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        assert {volume.split(":")[0] for volume in service.get("volumes", ())} <= set(
            compose["volumes"]
        )
        assert {config["source"] for config in service.get("configs", ())} <= set(
            compose["configs"]
        )
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        if "command" in service:
            accept(words_of(service["command"]))
    build = services["mlflow"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    secrets = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert secrets == {"POSTGRES_PASSWORD", "RAY_AUTH_TOKEN"}
    assert all(f"{name}=" in PAGE for name in secrets)


def test_the_job_of_kubernetes_is_whole() -> None:
    with (DEPLOY / "kuberay-job.yaml").open(encoding="utf-8") as file:
        job, claim = yaml.safe_load_all(file)
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    versions = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines()
    )
    assert cluster["rayVersion"] == versions["ray"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        pod = group["template"]["spec"]
        (volume,) = pod["volumes"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        for container in pod["containers"]:
            assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": "/runs"}]
            assert container["resources"]["limits"] == container["resources"]["requests"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_the_launchers_file_is_what_ray_expects() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(load("ray-cluster.yaml")))


def test_the_page_names_files_that_there_are() -> None:
    for name in re.findall(r"deploy/[\w.-]+", PAGE):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"\]\(([\w./-]+\.md)\)", PAGE):
        assert (ROOT / "docs" / name).is_file(), name
