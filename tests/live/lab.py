"""What every step gets: the account's session, the lab's names, the options and the run's folder; and how a step waits."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from live.options import Options
from live.run_folder import RunFolder
from mlkit.aws.session import Session
from mlkit.cli.console import Elapsed
from mlkit.errors import MlkitError
from mlkit.naming import LabNames
from mlkit.settings import Project

T = TypeVar("T")


class TookTooLong(MlkitError):
    """What the script waited for did not come."""

    cure = "Look at the service's console; the run's folder holds the answers so far."


@dataclass(frozen=True, kw_only=True)
class Lab:
    """`say` prints a line with the seconds since the run began."""

    aws: Session
    project: Project
    names: LabNames
    options: Options
    folder: RunFolder
    say: Elapsed = field(default_factory=Elapsed)

    def client(self, service: str) -> Any:
        """Also of services whose types mlkit does not need."""
        create: Any = self.aws.client
        return create(service)

    @property
    def trail(self) -> str:
        return f"{self.names.initials}-live"

    @property
    def trail_bucket(self) -> str:
        """It does not begin like the lab's buckets, whose data events go into it."""
        return f"{self.names.initials}-live-trail-{self.options.account}"

    def until(self, look: Callable[[], T], what: str, *, ok: Callable[[T], object] = bool, minutes: float = 20, every_s: float = 10) -> T:
        """What `look` gives once `ok` agrees. Prints each change. Raises TookTooLong."""
        deadline, before = time.monotonic() + 60 * minutes, None
        while not ok(seen := look()):
            if seen and seen != before:
                self.say(f"{what}: {seen}")
            before = seen
            if time.monotonic() > deadline:
                raise TookTooLong(f"Waited {minutes:g} minutes for this: {what}. Last seen: {seen}")
            time.sleep(self.aws.poll_s(every_s))
        return seen

    def stack_resources(self, stack: str) -> dict[str, dict[str, Any]]:
        """The stack's resources by their logical ids."""
        found = self.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
        return {item["LogicalResourceId"]: item for item in found}
