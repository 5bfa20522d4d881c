"""The files of workers/: scripts run with stand-ins for what only a cluster has, the rest checked by structure."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sensdb.cli import cli, main
from sensdb.cli.options import GlobalOptions
from sensdb.database.bundled import bundled
from sensdb.database.engine import open_engine
from tests.cli.study import write_sweep
from tests.conformance.factories import query

WORKERS = bundled("workers")
SCRIPTS = ("local/run-workers.sh", "slurm/sensdb.sbatch")
LONG = """\
name: long
seeds: 1
fixed: {dataset: digits, n_train: 100, batch_size: 50, learning_rate: 0.001, max_steps: 16777216}
grid: {hidden_layers: [1], width: [8]}
"""

SRUN = """\
#!/usr/bin/env bash
echo "$@" >> srun.log
while [[ $1 == --* ]]; do shift; done
exec "$@"
"""
SCONTROL = """\
#!/usr/bin/env bash
echo "$@" >> scontrol.log
if [[ $1 == show ]]; then echo "JobId=7 EndTime=$(date -d "+$LEFT seconds" +%Y-%m-%dT%H:%M:%S) Deadline=N/A"; fi
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A folder with stand-ins for Slurm's commands, a database, and the sensdb of this environment on the path."""
    programs = tmp_path / "programs"
    programs.mkdir()
    # Guarded as an installed script is: worker processes import it again.
    lines = ("import sys", "from sensdb.cli import main", 'if __name__ == "__main__":', "    sys.exit(main())")
    console = "\n".join([f"#!{sys.executable}", *lines, ""])
    for name, text in {"srun": SRUN, "scontrol": SCONTROL, "sensdb": console}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SENSDB"))},
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path.cwd()),
        "SENSDB_DATABASE_URL": f"sqlite:///{tmp_path / 'sensdb.db'}",
        "SENSDB_CACHE": str(tmp_path / "cache"),
        "SENSDB_ARTIFACTS": str(tmp_path / "artifacts"),
        "SLURM_JOB_ID": "7",
    }


def enqueue(environment: dict[str, str], tmp_path: Path, text: str) -> None:
    url = environment["SENSDB_DATABASE_URL"]
    assert main(["--database", url, "init"]) == 0
    assert main(["--database", url, "enqueue", str(write_sweep(tmp_path, text))]) == 0


def states(environment: dict[str, str]) -> list[str]:
    engine = open_engine(environment["SENSDB_DATABASE_URL"])
    found = [state for (state,) in query(engine, "select state from jobs")]
    engine.dispose()
    return found


def start(script: str, environment: dict[str, str], tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["bash", str(WORKERS / script), *arguments],
        env=environment,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_have_no_fault_that_a_checker_sees(script: str) -> None:
    assert subprocess.run(["bash", "-n", str(WORKERS / script)], check=False).returncode == 0
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed (Debian: apt-get install shellcheck)")
    assert subprocess.run(["shellcheck", str(WORKERS / script)], check=False).returncode == 0


def test_the_local_script_calls_a_worker_with_what_it_is_given(environment: dict[str, str], tmp_path: Path) -> None:
    with start("local/run-workers.sh", environment, tmp_path, "--processes", "1", "--help") as process:
        _, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (0, "")


def test_a_slurm_job_that_is_told_to_stop_releases_and_requeues_itself(
    environment: dict[str, str], tmp_path: Path
) -> None:
    enqueue(environment, tmp_path, LONG)

    with start("slurm/sensdb.sbatch", {**environment, "LEFT": "4000"}, tmp_path, "--device", "cpu") as process:
        while states(environment) != ["running"] and process.poll() is None:
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=240)

    assert process.returncode == 0, err
    assert states(environment) == ["queued"]
    (ran,) = (tmp_path / "srun.log").read_text().splitlines()
    left = re.search(r"--until (\d+)s", ran)
    assert left is not None
    assert 3500 < int(left[1]) <= 3700
    assert (tmp_path / "scontrol.log").read_text().splitlines() == ["show job 7", "requeue 7"]


def test_a_slurm_job_without_time_claims_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    ending = {**environment, "SLURM_JOB_END_TIME": str(int(time.time()) + 100)}

    with start("slurm/sensdb.sbatch", ending, tmp_path) as process:
        _, err = process.communicate(timeout=60)

    assert process.returncode == 1
    assert err == "Error: less than 300 s are left of this job; nothing was claimed.\n"
    assert not (tmp_path / "srun.log").exists()


def test_a_script_without_a_database_says_so(environment: dict[str, str], tmp_path: Path) -> None:
    for script in SCRIPTS:
        with start(script, {**environment, "SENSDB_DATABASE_URL": ""}, tmp_path) as process:
            _, err = process.communicate(timeout=60)
        assert process.returncode != 0
        assert "SENSDB_DATABASE_URL: name the database, such as postgresql://lab@db/sensdb" in err


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian: apt-get install systemd)")
    text = (WORKERS / "systemd" / "sensdb-worker.service").read_text()
    unit = tmp_path / "sensdb-worker.service"
    unit.write_text(text.replace("/opt/sensdb/bin/sensdb", sys.executable))

    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=120
    )

    if "Failed to initialize" in ran.stderr or "Failed to create" in ran.stderr:
        pytest.skip(f"systemd-analyze cannot run here: {ran.stderr.strip()}")
    assert [line for line in ran.stderr.splitlines() if "sensdb-worker" in line] == []


def documents() -> dict[str, dict[str, Any]]:
    reader = YAML(typ="safe")
    return {path.name: reader.load(path) for path in sorted(WORKERS.glob("*/*.yaml"))}


@pytest.mark.parametrize("name", ["worker-deployment.yaml", "worker-job.yaml"])
def test_kubernetes_pods_are_given_time_and_find_what_they_mount(name: str) -> None:
    made = documents()[name]
    pod = made["spec"]["template"]["spec"]

    assert (made["apiVersion"], made["kind"]) in {("apps/v1", "Deployment"), ("batch/v1", "Job")}
    assert pod["terminationGracePeriodSeconds"] >= 120
    (container,) = pod["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    url = next(one for one in container["env"] if one["name"] == "SENSDB_DATABASE_URL")
    assert url["valueFrom"]["secretKeyRef"] == {"name": "sensdb", "key": "url"}  # a password is no plain value
    if made["kind"] == "Deployment":
        labels = made["spec"]["template"]["metadata"]["labels"]
        assert made["spec"]["selector"]["matchLabels"].items() <= labels.items()
    else:
        assert pod["restartPolicy"] == "Never"


def test_compose_services_depend_on_services_and_volumes_that_are_there() -> None:
    made = documents()["compose.yaml"]

    for service in made["services"].values():
        assert set(service.get("depends_on", ())) <= made["services"].keys()
        named = {volume.split(":")[0] for volume in service.get("volumes", ())}
        folders = {name for name in named if name.startswith(".")}
        assert named - folders <= made["volumes"].keys()
        assert all((WORKERS / "container" / folder).is_dir() for folder in folders)


def commands() -> list[list[str]]:
    """Every call of sensdb in the files, without its program."""
    unit = (WORKERS / "systemd" / "sensdb-worker.service").read_text()
    image = (WORKERS / "container" / "Containerfile").read_text()
    found = [shlex.split(line)[1:] for line in re.findall(r"^ExecStart=(.*)$", unit, flags=re.MULTILINE)]
    found += [YAML(typ="safe").load(line) for line in re.findall(r"^CMD (.*)$", image, flags=re.MULTILINE)]
    for name, made in documents().items():
        if name == "compose.yaml":
            ours = [one for one in made["services"].values() if one["image"].startswith("sensdb")]
            found += [one["command"] for one in ours if "command" in one]
        else:
            found += [one["args"] for one in made["spec"]["template"]["spec"]["containers"]]
    return found


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_what_the_files_call_is_a_command_of_sensdb(arguments: list[str]) -> None:
    root = cli.make_context("sensdb", list(arguments), obj=GlobalOptions())
    command = cli.get_command(root, arguments[0])

    assert command is not None
    command.make_context(arguments[0], list(arguments[1:]), parent=root)
