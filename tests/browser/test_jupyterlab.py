"""A data scientist in JupyterLab: "Run All Cells" of the three notebooks, with the endpoint deployed on the way."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from waiting import HANG_S, wait_until

from localaws import lifecycle
from mlkit.naming import DATALAKE_TEMPLATE
from mlkit.notebook import handoff
from mlkit.notebook.handoff import TestResult
from mlkit.settings import Project

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium is installed"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A copy of the project with a filled lake on a local AWS of its own."""
    from mlkit.aws.session import Session
    from mlkit.aws.stacks import deploy_stack
    from mlkit.cli.console import environment
    from mlkit.movielens.lake import upload_ratings

    root = Path(__file__).parents[2]
    folder = tmp_path_factory.mktemp("jupyter")
    for name in ("notebooks", "CloudFormation"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("configuration_*.json"))
    project = Project(root=folder)
    lifecycle.up(project.local_home, port=0)
    with environment(lifecycle.environment(project.local_home)):
        deploy_stack(Session(), "lake", root / DATALAKE_TEMPLATE, {}, capabilities=("CAPABILITY_IAM",))
        ratings = folder / "ratings.tsv"
        rows = ((user, movie) for user in range(1, 201) for movie in range(user % 7, 160, 4))
        lines = (f"{user}\t{movie}\t{5 if (user * movie) % 3 else 2}\t{880000000 + movie}" for user, movie in rows)
        ratings.write_text("userid\tmovieid\trating\ttimestamp\n" + "\n".join(lines) + "\n")
        upload_ratings(Session(), "mlkit", ratings)
    yield project
    lifecycle.down(project.local_home)


@pytest.fixture(scope="module")
def jupyter(project: Project) -> Iterator[str]:
    """The address of a JupyterLab that `mlkit local jupyter` started."""
    log = project.root / "jupyter.log"
    program = str(Path(sys.executable).with_name("mlkit"))
    options = ["--no-browser", "--port=0", "--allow-root", "--IdentityProvider.token=test"]
    # The user's own JupyterLab settings stay out of the way.
    places = {f"JUPYTER_{name}_DIR": str(project.root / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    with log.open("w") as stream:
        process = subprocess.Popen(
            [program, "local", "jupyter", *options], cwd=project.root, stdout=stream, stderr=stream, env={**os.environ, **places}
        )
        try:
            yield wait_until(lambda: re.findall(r"(http://127\.0\.0\.1:\d+)/lab", log.read_text()), "JupyterLab tells its address")[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(HANG_S)


def executed(path: Path) -> bool:
    text = path.read_text()
    if not text:  # JupyterLab is writing it
        return False
    cells = [cell for cell in nbformat.reads(text, 4).cells if cell.cell_type == "code"]
    errors = [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert not errors, errors[0]["evalue"]
    return all(cell.execution_count for cell in cells)


def picture(page, name: str) -> None:
    """With MLKIT_SCREENSHOTS set to a folder, what the page looked like last."""
    if folder := os.environ.get("MLKIT_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def run_all(page, address: str, project: Project, name: str) -> None:
    page.goto(f"{address}/lab/tree/notebooks/{name}?reset&token=test")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    page.get_by_text(re.compile(r"Python 3 .*\| Idle")).wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def done() -> bool:
        page.keyboard.press("Control+s")
        if (dialog := page.locator(".jp-Dialog .jp-mod-accept")).count():  # JupyterLab asks for a kernel when it is slow to start one
            dialog.first.click()
        picture(page, name)
        return executed(project.root / "notebooks" / name)

    wait_until(done, f"{name} is executed", every_s=0.2)


def test_run_all_of_the_three_notebooks_works_with_the_endpoint_deployed_on_the_way(project: Project, jupyter: str) -> None:
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "in CI a Chromium must be there"
    train = project.root / "notebooks" / "02_train.ipynb"
    train.write_text(
        train.read_text().replace("deploy_dev: bool = False", "deploy_dev: bool = True").replace("epochs: int = 100", "epochs: int = 5")
    )
    gate = project.root / "notebooks" / "03_test_endpoint.ipynb"
    gate.write_text(gate.read_text().replace("min_match_rate: float = 0.65", "min_match_rate: float = 0.2"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(1000 * HANG_S)
        for name in ("01_prep.ipynb", "02_train.ipynb", "03_test_endpoint.ipynb"):
            run_all(page, jupyter, project, name)
        browser.close()
    result = handoff.load(TestResult, project.handoff, "test_result", made_by="03")
    assert result.estimate.rows == 2000
    assert result.verdict == "PASS"
