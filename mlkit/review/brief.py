"""The page in a few words, for the approval's message."""

from mlkit.review.attention import notices_of
from mlkit.review.bundle_contents import Contents
from mlkit.review.headline import PRODUCTION, headline
from mlkit.review.reviewed import Reviewed
from mlkit.review.shown_text import counted, listed


def result_in_words(reviewed: Reviewed) -> str:
    """The headline of the page: the verdict against the required value and against production's model."""
    version = reviewed.decision.production
    return headline(Contents(reviewed.sealed), f"{PRODUCTION}'s {version}" if version else PRODUCTION)


def notes_in_words(reviewed: Reviewed) -> str:
    """`1 problem and 2 notes: This run was a rehearsal ...`, problems first, without the steps' own words; `No notes` if there are none."""
    champion = Contents(reviewed.champion) if reviewed.champion else None
    found = notices_of(Contents(reviewed.sealed), champion)
    if not found:
        return "No notes"
    grave = sum(one.grave for one in found)
    counts = [counted(grave, "problem")] if grave else []
    counts += [counted(len(found) - grave, "note")] if len(found) > grave else []
    texts = dict.fromkeys(f"{one.text.rstrip('.:')}." for one in found)
    return f"{listed(counts)}: {' '.join(texts)}"
