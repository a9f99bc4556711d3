"""Changes modules at random places and tells which changes no test noticed. tests/mutants/known.txt holds those that need no test."""

import argparse
import sys
import tempfile
from pathlib import Path

from mutants.modules import MODULES, path_of
from mutants.trying import ROOT, Result, prepare, try_module

KNOWN = Path(__file__).parent / "known.txt"
OPEN = "open: "
Known = dict[tuple[str, tuple[str, ...]], str]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="module", help=", ".join(MODULES))
    parser.add_argument("--size", type=int, default=25, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=7, help="another seed chooses other mutants")
    given = parser.parse_args()
    if unknown := set(given.modules) - set(MODULES):
        parser.error(f"tests/mutants/modules.py has no row for {', '.join(sorted(unknown))}")
    known = _known()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = prepare(Path(folder))
        results = []
        for module in given.modules or MODULES:
            results.append(try_module(copy, module, given.size, given.seed))
            _print_survivors(results[-1], known)
    _print_table(results, known)
    stale = [key for result in results for key in known if key[0] == result.module and _is_gone(*key)]
    for module, diff in stale:
        print(f"\ntests/mutants/known.txt: {module} does not have this line any more", *diff, sep="\n")
    return int(bool(stale) or any((result.module, mutant.diff) not in known for result in results for mutant in result.survivors))


def _known() -> Known:
    """Why a survivor needs no test, by module and change."""
    found = {}
    for entry in KNOWN.read_text().split("\n\n")[1:]:
        module, *lines = entry.strip().splitlines()
        diff = tuple(line for line in lines if line[0] in "+-")
        found[module, diff] = " ".join(line.strip() for line in lines if line[0] not in "+-")
    return found


def _is_gone(module: str, diff: tuple[str, ...]) -> bool:
    lines = {line.strip() for line in path_of(module, ROOT).read_text().splitlines()}
    return any(line[0] == "-" and line[2:] not in lines for line in diff)


def _print_survivors(result: Result, known: Known) -> None:
    for mutant in result.survivors:
        reason = known.get((result.module, mutant.diff), "SURVIVED: no test notices it")
        print(f"\n{path_of(result.module, ROOT).relative_to(ROOT)}:{mutant.line}", *mutant.diff, f"  {reason}", sep="\n", flush=True)


def _print_table(results: list[Result], known: Known) -> None:
    print(f"\n{'module':<26}{'mutants':>8}{'killed':>8}{'timed out':>11}{'equivalent':>12}{'open':>6}{'unknown':>9}")
    rows: dict[str, tuple[int, ...]] = {}
    for result in results:
        reasons = [known.get((result.module, mutant.diff)) for mutant in result.survivors]
        unknown = reasons.count(None)
        is_open = sum(reason is not None and reason.startswith(OPEN) for reason in reasons)
        rows[result.module] = (result.mutants, result.killed, result.timed_out, len(reasons) - is_open - unknown, is_open, unknown)
    rows["all"] = tuple(map(sum, zip(*rows.values(), strict=True)))
    for name, (mutants, killed, timed_out, equivalent, is_open, unknown) in rows.items():
        print(f"{name:<26}{mutants:>8}{killed / mutants:>8.0%}{timed_out:>11}{equivalent:>12}{is_open:>6}{unknown:>9}")


sys.exit(main())
