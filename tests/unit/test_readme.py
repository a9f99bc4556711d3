"""The README's commands exist and its links lead somewhere; the quick ones are run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from waiting import HANG_S

from mlkit import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = [line[2:] for block in re.findall(r"```console\n(.*?)```", README, re.S) for line in block.splitlines() if line.startswith("$ ")]


def subcommand(words: list[str]) -> str:
    """The path of command names at the beginning, checked against the command line that exists."""
    command = typer.main.get_command(cli.app)
    path = []
    for word in words:
        context = command.context_class(command)
        inner = command.get_command(context, word) if hasattr(command, "get_command") else None
        if inner is None:
            break
        command = inner
        path.append(word)
    return " ".join(path)


def test_there_are_commands_to_check():
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_the_make_targets_exist(command):
    targets = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M)
    assert shlex.split(command)[1] in targets


SPANS = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", README, flags=re.S))  # a fence's backticks are no pair
MLKIT = sorted(set(re.findall(r"\bmlkit ((?:[a-z][a-z-]* ?)+)", "\n".join([*COMMANDS, *SPANS]))))


@pytest.mark.parametrize("words", MLKIT)
def test_the_subcommands_exist(words):
    assert subcommand(words.split())


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith((".venv/bin/mlkit params", ".venv/bin/mlkit --help"))])
def test_the_quick_commands_run(command):
    words = shlex.split(command)
    program = str(Path(sys.executable).with_name(Path(words[0]).name))
    assert subprocess.run([program, *words[1:]], cwd=ROOT, capture_output=True, check=False, timeout=HANG_S).returncode == 0


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_the_links_lead_somewhere(target):
    assert (ROOT / target).exists()


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:mlkit|notebooks|CloudFormation|docs)/[\w./]*)`", README))))
def test_the_named_places_exist(path):
    assert (ROOT / path).exists()
