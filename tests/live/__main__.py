"""`make live`: the steps in their order."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from live import (
    account,
    awkward_event,
    by_hand,
    cleaning,
    endpoint_updates,
    lake,
    pipeline,
    policies,
    question,
    summary,
    trail,
    trail_list,
    training_log,
)
from live.lab import Lab
from live.options import Options, parse
from live.run_folder import RunFolder
from live.steps import Ended, Step, run_steps
from mlkit.aws.session import Session
from mlkit.cli.console import show_error
from mlkit.errors import MlkitError
from mlkit.settings import Project

_RAN = ("execution",)
STEPS = (
    Step(name="trail", title="CloudTrail records what is called", run=trail.begin, minutes=1),
    Step(name="lake", title="Data lake, in an account as it is", run=lake.deploy, minutes=3),
    Step(name="pipeline", title="The pipeline's stacks", run=pipeline.deploy, minutes=6, needs=("lake",)),
    Step(name="execution", title="One execution, approved, to production", run=pipeline.first_execution, minutes=40, needs=("pipeline",)),
    Step(name="prediction", title="A prediction from production", run=pipeline.predict, minutes=0.5, needs=_RAN),
    Step(name="default-database", title="What Athena made of a missing database", run=lake.default_database, minutes=0.1, needs=_RAN),
    Step(name="write-once", title="An object that is written once", run=lake.write_once, minutes=0.1, needs=("lake",)),
    Step(name="stopped", title="A second execution, stopped in training", run=pipeline.stop_while_training, minutes=12, needs=_RAN),
    Step(name="by-hand", title="A run by hand, terminated in training", run=by_hand.terminate, minutes=6, needs=("lake",)),
    Step(name="awkward-event", title="An event with quotes and line breaks", run=awkward_event.send, minutes=0.1, needs=_RAN),
    Step(name="bake-only", title="Only the bake time changes", run=endpoint_updates.bake_only, minutes=8, needs=_RAN),
    Step(name="alarm", title="An alarm forces a rollback", run=endpoint_updates.alarm, minutes=15, needs=_RAN),
    Step(name="awkward-mail", title="What became of the event's mail", run=awkward_event.outcome, minutes=2, needs=("awkward-event",)),
    Step(name="training-log", title="The container's metrics beside ours", run=training_log.compare, minutes=1, needs=_RAN),
    Step(name="policies", title="The roles' policies as deployed", run=policies.collect, minutes=0.5),
)
LAST = (
    Step(name="clean-up", title="Clean-up", run=cleaning.clean_up, minutes=10),
    Step(name="calls", title="CloudTrail's list, compared with the ledger and the policies", run=trail_list.compare, minutes=15),
    Step(name="trail-removed", title="The trail goes", run=trail_list.remove, minutes=0.5),
)


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 if every step is done."""
    try:
        ended = run(arguments)
    except MlkitError as error:
        show_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return int(any(one.status != "done" for one in ended))


def run(arguments: Sequence[str]) -> list[Ended]:
    """Check, ask, run the steps, clean up whatever happened, and write the summary. Raises MlkitError before anything is made."""
    options, project, aws = parse(arguments), Project.here(), Session()
    folder = _folder(project, options)
    folder.record(aws.boto_session)
    lab = Lab(aws=aws, project=project, names=project.names(options.initials), options=options, folder=folder)
    if options.clean_up:
        _check(lab, account.check_caller, account.check_run)
        steps: tuple[Step, ...] = ()
    else:
        _check(lab, account.check_caller, account.check_unused, account.check_connection, account.examine)
        steps = STEPS
        question.confirm(options, (*STEPS, *LAST))
        folder.note(began=datetime.now(UTC).isoformat(), account=options.account, initials=options.initials)
    ended = run_steps(lab, steps)
    ended += run_steps(lab, LAST, first=len(steps) + 1)
    summary.write(lab, ended)
    return ended


def _folder(project: Project, options: Options) -> RunFolder:
    if options.clean_up:
        return RunFolder(Path(options.clean_up))
    return RunFolder.create(project.root / ".mlkit" / "live", options.account)


def _check(lab: Lab, *checks: Callable[[Lab], str | None]) -> None:
    for check in checks:
        told = check(lab)
        lab.say(f"{check.__name__.replace('_', ' ')}: {told or 'ok'}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
