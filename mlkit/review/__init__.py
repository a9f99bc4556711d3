"""review.html: the page on which an approver decides, and that an auditor opens from disk.

reviewed           the values that a page is made from; the caller reads AWS and the disk
bundle_contents    what the sealed files say, read without trust
headline, brief    the result in one line, for the page and for the approval's message
comparison         what differs from production (values, metrics, line_diffs, notebook_diffs)
attention          what must be seen first (gate_notices)
forest_plot, training, costs, production, notebook_html, shown_text     parts of the page
page, executions_index, comparison_text                                 the page, the list of executions, the comparison as text

It imports no numpy, pandas or AWS SDK: it runs in the build that seals.
"""

from mlkit.review.brief import notes_in_words, result_in_words
from mlkit.review.executions_index import render_index
from mlkit.review.page import render
from mlkit.review.reviewed import ActionTime, Decision, Evidence, IndexEntry, Reviewed

__all__ = ["ActionTime", "Decision", "Evidence", "IndexEntry", "Reviewed", "notes_in_words", "render", "render_index", "result_in_words"]
