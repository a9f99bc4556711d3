"""The last steps: CloudTrail's list of the run as a fixture, what it says about the ledger and the policies, and the trail's end."""

import json

from live import calls, comparison, policies, trail
from live.lab import Lab
from localaws.kit.service_calls import ledger
from mlkit.errors import MlkitError
from mlkit.naming import job_prefix


def compare(lab: Lab) -> str:
    """Write calls.json and comparison.json. Raises MlkitError if a service made a call that the ledger does not have."""
    path = lab.folder.path / "roles.json"
    roles = json.loads(path.read_text()) if path.is_file() else {}
    jobs = [job_prefix(found) for name in ("first_execution", "second_execution") if (found := lab.folder.fact(name))]
    marks = [lab.names.prefix, lab.names.bucket, *jobs]
    found = calls.of_lab(trail.events(lab), roles, marks, lab.options.account)
    lab.folder.save("calls.json", calls.fixture(found))
    report = comparison.report(found, ledger().values(), policies.grants(roles))
    lab.folder.save("comparison.json", report)
    told = f"{sum(found.values())} calls of {len(found)} kinds; " + ", ".join(f"{len(rows)} {name}" for name, rows in report.items())
    if not found:
        raise MlkitError("CloudTrail shows no call of the lab", cure="Look at the trail's bucket, and in the console under Event history.")
    if report["unexpected"]:
        names = sorted({f"{row['invoked_by']} {row['action']}" for row in report["unexpected"]})
        raise MlkitError(f"{told}. The ledger does not have: {', '.join(names)}", cure="Send back calls.json and comparison.json.")
    return told


def remove(lab: Lab) -> str:
    trail.remove(lab)
    return "the trail and its bucket are gone"
