"""The review page from file:// in headless Chromium: no request, no error, no violation of accessibility, and hostile content is inert."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sealed_evidence import (
    champion,
    code,
    compared,
    evidence,
    markdown,
    notebooks,
    outcome,
    prepared_data,
    record,
    result,
    reviewed,
    source_files,
)

from mlkit.evidence.manifest import Seal
from mlkit.evidence.run_record import Activity
from mlkit.review import IndexEntry, Reviewed, render, render_index

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]
EVIL = "http://127.0.0.1:9/evil"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium is installed"),
]


def changed() -> Reviewed:
    """Everything at once: changes of each kind, warnings, a champion, a failed attempt."""
    before = source_files(notebooks(32))
    after = {**source_files(notebooks()), "mlkit/gate/verdicts.py": before["mlkit/gate/verdicts.py"].replace(b"0.02", b"0.01" + b"0" * 200)}
    packages = {"02_train": record("02_train", packages={"numpy": "2.5.0", "pandas": "3.0.1", "scikit-learn": "1.8.0"})}
    old = champion(cells=notebooks(32), tested=outcome(0.6902, 0.679, 0.701), prepared=prepared_data(80_100))
    tested = outcome(baselines={"linear, no factors": 0.6981, "majority class": 0.58}, champion=compared())
    named = Seal(s3_uri="s3://evidence/x/manifest.json", sha256=old.sha256)
    sealed = evidence(source=after, records=packages, tested=tested, champion=named)
    return reviewed(sealed, old)


def hostile() -> Reviewed:
    """A notebook, a record and a commit that try everything."""
    attacks = (
        "<script>document.title = 'owned'; fetch('EVIL')</script>",
        "<img src=x onerror=\"document.title='owned'\">",
        "<img src='EVIL.png' srcset='EVIL.png 2x'><iframe src='EVIL'></iframe><object data='EVIL'></object><embed src='EVIL'>",
        "<svg onload=\"document.title='owned'\"><image href='EVIL.svg'/><script>fetch('EVIL')</script></svg>",
        "<a href='javascript:document.title=1'>a link</a><a href='EVIL' ping='EVIL'>another</a>",
        "<link rel=stylesheet href='EVIL.css'><style>@import 'EVIL.css'; body { background: url(EVIL.png) }</style>",
        "<div style='background: url(EVIL.png)'>styled</div><meta http-equiv=refresh content='0;url=EVIL'><base href='EVIL'>",
        "<form action='EVIL'><button>Approve</button></form><video src='EVIL.mp4' autoplay></video>",
        "</iframe></body></html><script>document.title = 'owned'</script>",
        "\"></iframe><script>document.title = 'owned'</script>",
    )
    ready = [attack.replace("EVIL", EVIL) for attack in attacks]
    fetch = f"fetch('{EVIL}')"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{fetch}"><image href="{EVIL}.png"/><script>{fetch}</script></svg>'
    outputs = [result({"text/html": attack, "text/plain": "x"}) for attack in ready]
    scripts = [result({"application/javascript": fetch}), result({"image/svg+xml": svg}), result({"image/png": '"><script>1'})]
    cells = notebooks()
    cells["01_prep"] = [*cells["01_prep"], code("attack()", *outputs, *scripts), *(markdown(attack) for attack in ready)]
    cells["01_prep"].append(markdown(f"![a]({EVIL}.png) [b](javascript:alert(1)) <{EVIL}>"))
    loud = record("01_prep", activity=Activity(warnings=tuple(ready), metrics={ready[0]: 1.0}))
    return reviewed(evidence(cells=cells, records={"01_prep": loud}, message=" ".join(ready)), champion(), signature=ready[0])


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "in CI a Chromium must be there"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def visit(browser, tmp_path: Path):
    """`visit(content, width=390, scheme="dark")` opens a page from the disk; whatever it requests or says goes to page.noise."""

    def opened(content: bytes, *, width: int = 1280, scheme: str = "light"):
        path = tmp_path / "review.html"
        path.write_bytes(content)
        page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
        page.noise = []
        page.on("console", lambda message: page.noise.append(message.text))
        page.on("pageerror", lambda error: page.noise.append(str(error)))
        page.on("request", lambda request: page.noise.append(request.url) if request.url != path.as_uri() else None)
        page.goto(path.as_uri())
        return page

    return opened


def open_everything(page) -> None:
    """Open each part, and wait until the frames' documents are there."""
    for part in page.locator("details").all():
        part.evaluate("part => part.open = true")
    for frame in page.locator("iframe").all():
        frame.scroll_into_view_if_needed()
        frame.content_frame.locator("body").wait_for()


@pytest.mark.parametrize("make", [changed, hostile])
def test_the_page_requests_nothing_and_reports_no_error(visit, make) -> None:
    page = visit(render(make()))
    title = page.title()
    open_everything(page)
    assert page.noise == []
    assert page.title() == title
    assert title.startswith("PASS: ")


def test_hostile_outputs_leave_nothing_to_press_or_follow(visit) -> None:
    page = visit(render(hostile()))
    open_everything(page)
    assert page.get_by_role("button").count() == 0
    for frame in page.locator("iframe").all():
        inside = frame.content_frame
        assert inside.locator("[href], [action], [onerror], [onload], [style], script, iframe, form, svg").count() == 0
        for picture in inside.locator("img").all():
            source = picture.get_attribute("src")
            assert source is None or source.startswith("data:image/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 900, 610, 360])
@pytest.mark.parametrize("kind", ["changed", "index"])
def test_axe_finds_no_violation(visit, kind: str, width: int, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    entry = IndexEntry(
        execution="3" * 36, sealed_at="2026-03-14T09:26:53+00:00", commit="8" * 40, message="A", verdict="PASS", page="a.html"
    )
    page = visit(render(changed()) if kind == "changed" else render_index([entry]), width=width, scheme=scheme)
    for part in page.locator("details").all():
        part.evaluate("part => part.open = true")
    # axe cannot look into frames in which no script runs, and reports what it could not test as incomplete.
    found = Axe().run(page, options={"iframes": False})
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [320, 360, 390, 420, 610, 768, 900, 1280])
def test_the_page_never_scrolls_sideways(visit, width: int) -> None:
    page = visit(render(changed()), width=width)
    open_everything(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_is_found_by_role_and_name(visit) -> None:
    page = visit(render(changed()))
    assert page.get_by_role("main").count() == 1
    assert page.get_by_role("heading", level=1).inner_text().split() == ["PASS", "match", "rate", "0.6984"]
    assert page.get_by_role("img", name="match rate of this model, and what it is compared with").is_visible()
    for name in ("Code", "Notebook cells", "Data", "Packages", "Metrics", "Stages and attempts", "Executed notebooks", "Digests"):
        assert page.get_by_role("heading", name=name, exact=True).is_visible()
    assert page.get_by_role("link", name="Approve or reject in CodePipeline").is_visible()


def test_a_notebook_opens_with_the_keyboard(visit) -> None:
    page = visit(render(changed()))
    summary = page.locator("summary", has_text="03_test_endpoint.ipynb")
    summary.focus()
    page.keyboard.press("Enter")
    frame = page.locator("iframe[title*='03_test_endpoint.ipynb']")
    frame.content_frame.get_by_role("heading", name="03 Test the endpoint: is the model good enough?").wait_for()
    assert frame.is_visible()


def test_the_verdict_and_what_changed_are_on_the_first_screen(visit) -> None:
    page = visit(render(changed()))
    for words in (
        "match rate 0.6984",
        "as good as production (0.6990",
        "This model adds nothing over the linear model",
        "Against production, 1 code file",
    ):
        box = page.get_by_text(words).first.bounding_box()
        assert box["y"] + box["height"] <= 900


def test_in_print_closed_parts_are_open_frames_name_their_file_and_paper_is_white(visit) -> None:
    page = visit(render(changed()), scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.get_by_text("Open it in the bundle: QA.TestEndpoint/").is_visible()
    assert page.locator("iframe").first.is_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('thead')).display") == "table-header-group"
    assert page.evaluate("getComputedStyle(document.querySelector('.unchanged')).display") == "none"
    assert page.evaluate("getComputedStyle(document.querySelector('summary')).listStyleType") == "disclosure-open"
    assert "console.aws.amazon.com" in page.evaluate("getComputedStyle(document.querySelector('.decide a'), '::after').content")


@pytest.mark.parametrize(("width", "display"), [(768, "table-cell"), (610, "table-cell"), (390, "block")])
def test_tables_stay_tables_until_the_screen_is_narrow(visit, width: int, display: str) -> None:
    page = visit(render(changed()), width=width)
    assert page.evaluate("getComputedStyle(document.querySelector('#metrics ~ .table td')).display") == display


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_of_the_picture_leaves_its_column_and_no_label_touches_the_axis(visit, width: int) -> None:
    page = visit(render(changed()), width=width)
    card = page.locator(".card").first.bounding_box()
    picture, labels = page.locator("svg.plot").bounding_box(), page.locator(".labels").bounding_box()
    assert labels["x"] + labels["width"] <= picture["x"]
    for text in page.locator("svg.plot text").all():
        box = text.bounding_box()
        assert card["x"] + 8 <= box["x"]
        assert box["x"] + box["width"] <= card["x"] + card["width"] - 8


def test_the_way_to_approve_is_on_a_phone_s_first_screen(visit) -> None:
    box = visit(render(changed()), width=390).get_by_role("link", name="Approve or reject in CodePipeline").bounding_box()
    assert box["y"] + box["height"] <= 844


def test_the_link_that_skips_covers_nothing(visit) -> None:
    page = visit(render(changed()))
    page.keyboard.press("Tab")
    skip, heading = page.locator(".skip").bounding_box(), page.locator("header").bounding_box()
    assert skip["y"] + skip["height"] <= heading["y"]
