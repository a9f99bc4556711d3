"""`localaws up | down | status | env | logs | reset | repository`: the local AWS of one folder, from a terminal."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from localaws import lifecycle, ports
from localaws.errors import LocalAwsError
from localaws.kit import open_questions

HOME_VARIABLE, HOME = "LOCALAWS_HOME", ".localaws"
Command = Callable[[argparse.Namespace], None]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command. An error that the caller can fix prints two lines and exits with 1."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except LocalAwsError as error:
        print(f"Error: {error}", file=sys.stderr)
        if error.cure:
            print(f"  Next: {error.cure}", file=sys.stderr)
        sys.exit(1)


def up(options: argparse.Namespace) -> None:
    """Start the local AWS in the background if it does not run yet."""
    running = lifecycle.up(options.home, options.port, account=options.account, region=options.region, assume=_assumptions(options.assume))
    print(f"The local AWS answers at {running.endpoint_url} (account {running.account}, {running.region})")
    if options.port is None and not running.endpoint_url.endswith(f":{ports.PORT}"):
        print(f"Port {ports.PORT} is taken by {ports.holder(ports.PORT)}, so a free one was chosen.")
    print('Use it in this shell: eval "$(localaws env)"')


def down(options: argparse.Namespace) -> None:
    """Stop the local AWS; its state stays."""
    print("Stopped." if lifecycle.down(options.home) else "The local AWS did not run.")


def status(options: argparse.Namespace) -> None:
    """Show whether the local AWS runs, and where its state and log are."""
    found = lifecycle.status(options.home)
    state = f"running at {found.running.endpoint_url}, process {found.running.pid}" if found.running else "not running"
    print(f"local AWS: {state}\nstate:     {found.home}\nlog:       {found.log}")
    for name, value in sorted(found.assumptions.items()):
        print(f"assumed:   {name}={value}")


def env(options: argparse.Namespace) -> None:
    """Print the variables that point AWS tools to the local AWS."""
    for name, value in lifecycle.environment(options.home).items():
        print(f"export {name}={shlex.quote(value)}")


def logs(options: argparse.Namespace) -> None:
    """Print the end of the log."""
    path = lifecycle.log_path(options.home)
    print("\n".join(path.read_text().splitlines()[-options.lines :]) if path.is_file() else f"{path} does not exist yet")


def reset(options: argparse.Namespace) -> None:
    """Stop the local AWS and delete its state."""
    if not options.yes:
        raise LocalAwsError("Nothing was deleted.", cure=f"`localaws reset --yes` deletes everything in {options.home.resolve()}.")
    lifecycle.reset(options.home)
    print(f"{options.home.resolve()} was deleted.")


def repository(options: argparse.Namespace) -> None:
    """Use a local git repository in place of one on GitHub or CodeCommit: pipelines read it, and a push to it starts them."""
    from localaws.codeconnections import push_hook, repositories

    if options.name.count("/") > 1 or not all(options.name.split("/")):
        raise LocalAwsError(
            f"{options.name!r} is neither OWNER/REPO nor a name of CodeCommit.",
            cure="Give the FullRepositoryId or the RepositoryName of the pipeline's source action.",
        )
    home, folder = options.home / "codeconnections", options.folder.resolve()
    repositories.register(home, options.name, folder, worktree=options.worktree)
    print(f"Pipelines of this local AWS that name {options.name} read {folder}.")
    try:
        push_hook.install(home, options.name, folder)
        print("A push to it, or a commit in it, starts those that detect changes.")
    except push_hook.HookRefused as refused:
        print(f"No push starts them: {refused}")


def _assumptions(texts: Sequence[str] | None) -> dict[str, str] | None:
    """The answers of the options, or of the variable, or None if neither is given. Raises WrongAssumption."""
    return open_questions.from_environment(os.environ) if texts is None else open_questions.parsed(filter(None, texts))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="localaws", description="A local AWS: one process on one loopback port.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    starting = _command(commands, up)
    starting.add_argument("--port", type=int, help=f"0 takes a free port; default: {ports.PORT}, or a free port if {ports.PORT} is taken")
    starting.add_argument("--account", default="123456789012", help="account number")
    starting.add_argument("--region", default="us-east-1")
    starting.add_argument(
        "--assume",
        action="append",
        metavar="NAME=VALUE",
        help="answer an open question about AWS; may be given several times; an empty value forgets the answers; "
        f"default: ${open_questions.VARIABLE}, or the answers of the last start",
    )
    for command in (down, status, env):
        _command(commands, command)
    _command(commands, logs).add_argument("--lines", type=int, default=40, help="number of lines")
    _command(commands, reset).add_argument("--yes", action="store_true", help="confirm the deletion")
    standing = _command(commands, repository)
    standing.add_argument(
        "name", metavar="NAME", help="OWNER/REPO of the pipeline's source action, or the name of its CodeCommit repository"
    )
    standing.add_argument("--folder", type=Path, default=Path(), help="folder of the git repository; default: the current folder")
    standing.add_argument("--worktree", action="store_true", help="use the working tree instead of the last commit")
    return parser


def _command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", command: Command) -> argparse.ArgumentParser:
    """The parser of a command, with the option that all commands have. Its name and help come from the function."""
    told = (command.__doc__ or "").strip()
    parser = commands.add_parser(command.__name__, help=told, description=told)
    default = Path(os.environ.get(HOME_VARIABLE) or HOME)
    parser.add_argument(
        "--home", type=Path, default=default, help=f"folder of the state; default: ${HOME_VARIABLE}, or {HOME} in the current folder"
    )
    parser.set_defaults(command=command)
    return parser
