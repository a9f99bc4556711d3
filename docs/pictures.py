"""Makes the README's pictures from what `mlkit local walk` left in executed/.

.venv/bin/python docs/pictures.py
"""

import shutil
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = Path(__file__).with_name("images")
PICTURES = {  # file: (notebook, first and last heading that it shows)
    "train.png": ("02_train", "Train, or tune", "Hand over"),
    "verdict.png": ("03_test_endpoint", "Against what anybody could do", "The lab's own check"),
}


def page_of(notebook: str, folder: Path) -> Path:
    content = nbformat.read(ROOT / "executed" / f"{notebook}.ipynb", as_version=4)
    html, _ = HTMLExporter(exclude_input_prompt=True, exclude_output_prompt=True).from_notebook_node(content)
    path = folder / f"{notebook}.html"
    path.write_text(html)
    return path


def top_of(page: Page, heading: str) -> float:
    box = page.get_by_role("heading", name=heading, exact=False).first.bounding_box()
    assert box is not None, heading
    return box["y"]


def main() -> None:
    folder = IMAGES / "pages"
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        for name, (notebook, first, last) in PICTURES.items():
            page = browser.new_page(viewport={"width": 900, "height": 1200})
            page.goto(page_of(notebook, folder).as_uri())
            page.wait_for_load_state("load")
            top, bottom = top_of(page, first) - 12, top_of(page, last) - 12
            page.screenshot(path=IMAGES / name, full_page=True, clip={"x": 0, "y": top, "width": 900, "height": bottom - top})
        browser.close()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
