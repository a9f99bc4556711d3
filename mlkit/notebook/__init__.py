"""Notebook files, the hand-off files that carry a notebook's result to the next one, the journal, and the tables that notebooks show."""
