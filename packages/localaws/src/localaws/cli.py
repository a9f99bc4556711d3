"""`localaws up | down | status | env | logs | reset | repository`: the local AWS of one folder, from a terminal."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from localaws import lifecycle, ports
from localaws.errors import LocalAwsError

HOME_VARIABLE, HOME = "LOCALAWS_HOME", ".localaws"
Command = Callable[[argparse.Namespace], None]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exits with 1 and two lines on an error that the caller can mend."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except LocalAwsError as error:
        print(f"Error: {error}", file=sys.stderr)
        if error.cure:
            print(f"  Next: {error.cure}", file=sys.stderr)
        sys.exit(1)


def up(options: argparse.Namespace) -> None:
    """Start it in the background unless it runs."""
    running = lifecycle.up(options.home, options.port, account=options.account, region=options.region)
    print(f"The local AWS answers at {running.endpoint_url} (account {running.account}, {running.region})")
    if options.port is None and not running.endpoint_url.endswith(f":{ports.PORT}"):
        print(f"Port {ports.PORT} is taken by {ports.holder(ports.PORT)}, so a free one was chosen.")
    print('Use it in this shell: eval "$(localaws env)"')


def down(options: argparse.Namespace) -> None:
    """Stop it and keep what it holds."""
    print("Stopped." if lifecycle.down(options.home) else "It did not run.")


def status(options: argparse.Namespace) -> None:
    """Tell whether it runs, and where its state and log are."""
    found = lifecycle.status(options.home)
    state = f"running at {found.running.endpoint_url}, process {found.running.pid}" if found.running else "not running"
    print(f"local AWS: {state}\nstate:     {found.home}\nlog:       {found.log}")


def env(options: argparse.Namespace) -> None:
    """Print the variables that point AWS tools to it."""
    for name, value in lifecycle.environment(options.home).items():
        print(f"export {name}={shlex.quote(value)}")


def logs(options: argparse.Namespace) -> None:
    """Print the end of its log."""
    path = lifecycle.log_path(options.home)
    print("\n".join(path.read_text().splitlines()[-options.lines :]) if path.is_file() else f"{path} does not exist yet")


def reset(options: argparse.Namespace) -> None:
    """Stop it and delete everything that it holds."""
    if not options.yes:
        raise LocalAwsError("Nothing was deleted.", cure=f"`localaws reset --yes` deletes everything in {options.home.resolve()}.")
    lifecycle.reset(options.home)
    print(f"{options.home.resolve()} is gone.")


def repository(options: argparse.Namespace) -> None:
    """Let a local git repository stand for a repository on GitHub, for pipelines with a CodeConnections source."""
    from localaws.codeconnections import repositories

    if options.name.count("/") != 1 or not all(options.name.split("/")):
        raise LocalAwsError(f"{options.name!r} is not OWNER/REPO.", cure="Give the FullRepositoryId of the pipeline's source action.")
    repositories.register(options.home / "codeconnections", options.name, options.folder.resolve(), worktree=options.worktree)
    print(f"On this local AWS, {options.folder.resolve()} stands for {options.name}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="localaws", description="A local AWS: one process on one loopback port.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    starting = _command(commands, up)
    starting.add_argument("--port", type=int, help=f"0 takes a free one; without it {ports.PORT}, or a free one when that is taken")
    starting.add_argument("--account", default="123456789012", help="the account's number")
    starting.add_argument("--region", default="us-east-1")
    for command in (down, status, env):
        _command(commands, command)
    _command(commands, logs).add_argument("--lines", type=int, default=40, help="how many of the last lines")
    _command(commands, reset).add_argument("--yes", action="store_true", help="delete without further words")
    standing = _command(commands, repository)
    standing.add_argument("name", metavar="OWNER/REPO", help="the FullRepositoryId of the pipeline's source action")
    standing.add_argument("--folder", type=Path, default=Path(), help="the git repository, by default the current folder")
    standing.add_argument("--worktree", action="store_true", help="give out the working tree, not the last commit")
    return parser


def _command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", command: Command) -> argparse.ArgumentParser:
    """The parser of a command that is called as its function, with the option that all commands have."""
    told = (command.__doc__ or "").strip()
    parser = commands.add_parser(command.__name__, help=told, description=told)
    default = Path(os.environ.get(HOME_VARIABLE) or HOME)
    parser.add_argument("--home", type=Path, default=default, help=f"folder of the state; without it ${HOME_VARIABLE}, or {HOME} here")
    parser.set_defaults(command=command)
    return parser
