"""The approval's message: the result, the notes, the change, and where the evidence is. CodePipeline allows 1000 characters."""

from collections.abc import Mapping

from mlkit.evidence.foreign_text import unlinked, without_links
from mlkit.evidence.manifest import Seal
from mlkit.review import Reviewed, notes_in_words, result_in_words

LONGEST = 1000  # characters of a value in an action's configuration
_RESULT, _CHANGE, _AUTHOR = 260, 60, 40  # characters of the result, of a commit's message and of its author


def approval_message(reviewed: Reviewed, seal: Seal, page: str) -> str:
    """One line. What is too long is cut: first the notes, then the change; the addresses and the digest never are."""
    places = f" Page: {page} Seal {seal.sha256}. Evidence: {seal.s3_uri}"
    result = unlinked(result_in_words(reviewed))[:_RESULT]
    change = change_in_words(reviewed.sealed.manifest.source.variables)
    room = LONGEST - len(places)
    notes = unlinked(notes_in_words(reviewed))
    told = f"{result}. {_cut(notes, room - len(f'{result}.  {change}.'))} {change}."
    return f"{told[:room]}{places}"


def change_in_words(variables: Mapping[str, str]) -> str:
    """The commit, its author if the source tells one, and the beginning of its message, on one line. Mail programs make links clickable."""
    author = without_links(variables.get("AuthorDisplayName") or variables.get("AuthorEmail") or "")[:_AUTHOR]
    message = without_links(variables.get("CommitMessage", ""))[:_CHANGE]
    return f"commit {variables.get('CommitId', 'unknown')[:10]}{f' by {author}' if author else ''}: {message}"


def _cut(notes: str, longest: int) -> str:
    """The notes as a sentence. Their number, which comes first, stays whole if anything of them does."""
    whole = notes if notes.endswith(".") else f"{notes}."
    if len(whole) <= longest:
        return whole
    number, _, texts = notes.partition(": ")
    left = longest - len(f"{number}: ...")
    return f"{number}: {texts[:left]}..." if left > 0 else f"{number}."
