"""What is given away: built, looked into, installed with pip without any index, and run."""

import contextlib
import hashlib
import http.client
import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.waiting import until
from tests.support.waypost import plain_environment
from waypost import __version__

ROOT = Path(__file__).parents[2]
SECONDS = 120


def built(source: Path, to: Path, *more: str) -> Path:
    run([sys.executable, "-m", "hatchling", "build", "-d", str(to), *more], source)
    return to


def run(command: list[str], cwd: Path, environment: Mapping[str, str] | None = None) -> str:
    ran = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def status(place: str, path: str) -> int:
    with contextlib.closing(http.client.HTTPConnection(place, timeout=SECONDS)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def digest(folder: Path) -> str:
    return hashlib.sha256(next(folder.glob("*.whl")).read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel alone; what it needs is where the tests run."""
    to = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(to)]
    run([*pip, str(next(dist.glob("*.whl")))], to, {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    return to


def test_the_wheel_holds_all_that_runs_and_nothing_else(dist: Path) -> None:
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        held = set(wheel.namelist())

    package = ROOT / "src" / "waypost"
    ours = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    information = f"waypost-{__version__}.dist-info/"
    assert {name for name in held if not name.startswith(information)} == {
        path.relative_to(package.parent).as_posix() for path in ours
    }
    assert f"{information}licenses/LICENSE" in held


def test_the_source_archive_makes_the_same_wheel_to_the_byte(dist: Path, tmp_path: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")

    again = built(tmp_path / f"waypost-{__version__}", tmp_path / "again", "-t", "wheel")

    assert digest(again) == digest(dist)


def test_what_pip_installed_sets_up_a_folder_and_serves_it(installed: Path, tmp_path: Path) -> None:
    environment = {**plain_environment(), "PYTHONPATH": str(installed), "WAYPOST_DATA": str(tmp_path / "data")}
    waypost = [sys.executable, str(installed / "bin" / "waypost")]
    where = run([sys.executable, "-c", "import waypost; print(waypost.__file__)"], tmp_path, environment)
    assert Path(where.strip()).is_relative_to(installed)
    assert run([*waypost, "--version"], tmp_path, environment) == f"waypost {__version__}\n"
    assert "Commands" in run([*waypost, "--help"], tmp_path, environment)
    run([*waypost, "init"], tmp_path, environment)

    said = tmp_path / "said"
    with said.open("w") as out, (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [*waypost, "serve", "--port", "0"], cwd=tmp_path, env=environment, stdout=out, stderr=log
        )
    try:
        until(lambda: "is ready on" in said.read_text(), seconds=SECONDS)
        place = urlsplit(said.read_text().split()[-1]).netloc
        statuses = [status(place, path) for path in ("/health/ready", "/dashboard/sign-in", "/openapi.json")]
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(SECONDS) == 0
    assert statuses == [200, 200, 200]
