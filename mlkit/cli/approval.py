"""The approval of `mlkit local run`: --approve decides it, the user decides it at the terminal, or it stays pending."""

from collections.abc import Callable

from mlkit.cli.questions import Decision, Unanswered, ask, is_attended

QUESTION = "Approve for production? Type yes and a comment, or no and a reason.\nCtrl-D decides later, Ctrl-C stops this run."


def settle(
    *,
    beforehand: str | None,
    decide: Callable[[bool, str], None],
    is_pending: Callable[[], bool],
    longest: int,
    say: Callable[[str], None],
    options: str = "",
) -> None:
    """Call `decide` with an answer, or say how to answer later. `beforehand` approves with that comment.

    `longest` is the maximum number of characters of a comment. `options` are added to the command that decides later.
    """
    if beforehand is not None:
        decide(True, beforehand)
        return
    answer = ask(QUESTION, objection=lambda given: _too_long(given, longest), is_waited_for=is_pending) if is_attended() else None
    if isinstance(answer, Decision):
        decide(answer.agreed, answer.comment or answer.word)
    elif answer is Unanswered.GIVEN_UP:
        say("already decided in another terminal")
    else:
        opened = "not decided" if answer is Unanswered.LEFT_OPEN else "waits for approval"
        say(f'{opened}: type in another terminal `mlkit local approve{options} "comment"` or `mlkit local reject{options} "reason"`')


def _too_long(given: Decision, longest: int) -> str | None:
    too_many = len(given.comment) - longest
    return f"Not decided: CodePipeline takes {longest} characters; your comment has {too_many} too many." if too_many > 0 else None
