"""Runs the steps in order. A step that fails is told with what to do; steps that do not need it go on."""

import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from live.lab import Lab
from mlkit.aws.session import aws_errors
from mlkit.cli.console import out, plain, show_error
from mlkit.errors import MlkitError


@dataclass(frozen=True, kw_only=True)
class Step:
    """`run` returns one sentence for the summary. `minutes` is the estimate for AWS. `needs` names earlier steps."""

    name: str
    title: str
    run: Callable[[Lab], str]
    minutes: float
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a step ended: done, failed or left out."""

    step: Step
    status: str
    seconds: float
    told: str
    cure: str = ""


def run_steps(lab: Lab, steps: Iterable[Step], *, first: int = 1) -> list[Ended]:
    """Ctrl-C fails the current step and leaves out the rest."""
    ended, missing, is_interrupted = list[Ended](), set[str](), False
    for number, step in enumerate(steps, first):
        lab.folder.step = f"{number:02}-{step.name}"
        lacking = [name for name in step.needs if name in missing]
        if lacking or is_interrupted:
            told = f"needs {', '.join(lacking)}" if lacking else "the run was interrupted"
            ended.append(Ended(step=step, status="left out", seconds=0, told=told))
        else:
            ended.append(_run(lab, number, step))
            is_interrupted = ended[-1].told == _INTERRUPTED
        if ended[-1].status != "done":
            missing.add(step.name)
    return ended


_INTERRUPTED = "interrupted from the keyboard"


def _run(lab: Lab, number: int, step: Step) -> Ended:
    out.print(f"[bold]{number}. {plain(step.title)}[/] (about {step.minutes:g} min on AWS)")
    began = time.monotonic()
    try:
        with aws_errors():
            told, status, cure = step.run(lab), "done", ""
    except KeyboardInterrupt:
        told, status, cure = _INTERRUPTED, "failed", "Clean-up follows; a second Ctrl-C ends it."
    except MlkitError as error:
        told, status, cure = str(error), "failed", error.cure
        show_error(error)
    except Exception as error:  # the next steps and the clean-up must run
        path = lab.folder.save(f"errors/{lab.folder.step}.txt", traceback.format_exc())
        told, status, cure = f"{type(error).__name__}: {error}", "failed", f"Send back {path}."
        show_error(MlkitError(f"The script itself failed: {told}", cure=cure))
    seconds = time.monotonic() - began
    lab.say(f"{step.name}: {status} in {seconds:.1f} s. {told}")
    return Ended(step=step, status=status, seconds=seconds, told=told, cure=cure)
