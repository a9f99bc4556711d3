"""docs/errors.md: the exit codes, and one line for each kind of bad input with the words that it was really answered with."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from bad_input import Done, Row, World, carry_out, check
from project_pipeline import ROOT

from mlkit import errors

WRITES = bool(os.environ.get("MLKIT_WRITE_REFERENCE"))
DOCUMENT = ROOT / "docs" / "errors.md"
INTRODUCTION = """# Errors

Each error says what happened, usually why, and after `Next:` the next step. Each error class has its own exit code,
which scripts can check. A user's mistake shows no stack trace. A refused command leaves nothing half done.

The tests write this page (`make reference`): they type each command below and copy what it prints. `/project` is the
project's folder.

## Exit codes

0 is success, 1 an AWS error without its own code, 130 Ctrl-C. *Again*: the same command may succeed if you run it
again.

{codes}
"""
HEAD = "| case | command | exit | message | next step | left behind |\n|---|---|---|---|---|---|\n"
ORDER = (
    "What is typed",
    "Parameters",
    "Notebooks",
    "Evidence",
    "Data",
    "Credentials and rights",
    "Endpoints",
    "The local AWS",
    "In the cells of the notebooks",
    "The pipeline",
)
_KEPT = {
    "executed/*": "the executed notebook and its record",
    "handoff/*": "the hand-over",
    ".mlkit/steps/*": "the finished run, for `--reuse`",
    ".mlkit/last_run.json": "the report",
    "s3://mlkit-ml-id-lab/athena-results/*": "query results",
    "s3://mlkit-ml-id-lab/prepared/*": "objects under the run's own prefix",
}


def exit_codes() -> str:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.MlkitError)]
    lines = ["| exit | error | meaning | again | default next step |", "|---|---|---|---|---|"]
    for kind in sorted(kinds, key=lambda kind: kind.exit_code):
        if kind is not errors.MlkitError:
            meaning = (kind.__doc__ or "").strip().splitlines()[0]
            cells = [str(kind.exit_code), f"`{kind.__name__}`", meaning, "yes" if kind.retry else "", kind.cure]
            lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return "\n".join(lines)


def carried_out(section: str, row: Row, world: World, documented: dict[str, dict[str, str]]) -> Done:
    """Carry the row out; what it says is what the page says, or becomes that where the page is written."""
    done = carry_out(world, row)
    check(row, done)
    line = line_of(world, row, done)
    if WRITES:
        documented[section][row.what] = line
    assert documented[section].get(row.what) == line
    return done


def line_of(world: World, row: Row, done: Done) -> str:
    said, following = _told(row, done)
    left = ", ".join(_KEPT.get(pattern, f"`{pattern}`") for pattern in row.leaves) or "nothing"
    cells = [row.what, f"`{row.typed}`", str(row.exit_code), _plain(world, said), _plain(world, following), left]
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _told(row: Row, done: Done) -> tuple[str, str]:
    """What is said, and the next step, each in one line. Of other words than an error's, the lines about it."""
    error = re.search(r"^Error: (.+?)(?:\n  Next: (.+?))?(?:\n  The same command .+)?\s*\Z", done.err, re.DOTALL | re.MULTILINE)
    if error:
        return _joined(error[1]), _joined(error[2] or "")
    finding = re.search(rf"^  (?:ok|warn|fail|skipped) .*(?:\n {{25}}.*)*?{re.escape(row.says)}.*(?:\n {{10,}}.*)*", done.out, re.MULTILINE)
    if finding:
        said, _, following = finding[0].partition(" next: ")
        return _joined(said), _joined(following)
    lines = [line for line in (done.out + done.cells).splitlines() if row.says in line]
    return _joined(re.sub(r"^\s*[0-9.]+ s  ", "", "\n".join(lines), flags=re.MULTILINE)), ""


def _joined(text: str) -> str:
    return " ".join(text.replace(" \\\n", "\n").split())


def _plain(world: World, text: str) -> str:
    """The text without what is another one each time."""
    text = text.replace(str(world.project.root), "/project").replace(str(world.fresh), "/project").replace(str(world.nowhere), "/elsewhere")
    for pattern, name in (
        (r"Narrow-[0-9a-f]{8}", "ROLE"),
        (r"(127\.0\.0\.1:)\d+", r"\1PORT"),
        (r"process \d+ \(.*?\)", "process PID"),
        (r"/loading-\w+", ""),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
        (r"commit [0-9a-f]{7,40}\b", "commit COMMIT"),
        (r"\d+\.\d s\b", "N s"),
        (r"fm-\w+-\w+-\w+-\d+", "JOB"),
    ):
        text = re.sub(pattern, name, text)
    return text


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


@contextmanager
def kept_lines(sections: Mapping[str, Sequence[Row]]) -> Iterator[dict[str, dict[str, str]]]:
    """The document's lines by section and row; where references are written, what the tests put there is the document's afterwards."""
    tables = _tables()
    lines = {name: {line.split(" | ")[0].removeprefix("| "): line for line in tables.get(name, [])} for name in sections}
    yield lines
    if WRITES:
        tables |= {name: [lines[name][row.what] for row in rows if row.what in lines[name]] for name, rows in sections.items()}
        body = "".join(f"\n## {name}\n\n{HEAD}" + "".join(f"{line}\n" for line in tables.get(name, [])) for name in ORDER)
        DOCUMENT.write_text(INTRODUCTION.format(codes=exit_codes()) + body)


def _tables() -> dict[str, list[str]]:
    """The document's tables of rows, by title, without their heads."""
    text = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    found = re.findall(r"^## (.+)\n\n((?:\|.*\n)+)", text, re.MULTILINE)
    return {title: table.splitlines()[2:] for title, table in found if title in ORDER}
