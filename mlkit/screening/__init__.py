"""Finds the secrets of a notebook run and replaces each by `[redacted: RULE]`, before the runner stores or prints anything.

It searches every text in every form that a notebook gives it (colour codes, HTML, base64, split over outputs), for two kinds of secrets:

- Texts that look like a secret: the rules of betterleaks (`betterleaks.json`, made by `make secret-rules`), our own rules for AWS, shells
  and web requests (`own_rules`), values beside a name like `password` (`keywords`), and cells of a table below such a name
  (`table_cells`), also if they are encoded (`encoded_texts`).
- Known secrets: variables of the environment, resolved references, and values that a keyword has found in a notebook's source or
  parameters, in all their encodings (`known_secrets`).

A value is no secret only because it looks random: a run's evidence is full of digests, commits and run ids. A random value counts beside a
name that means "secret" (`secret_names`).
"""

from mlkit.screening.environment import secret_variables
from mlkit.screening.error_messages import screened
from mlkit.screening.screener import Screener

__all__ = ["Screener", "screened", "secret_variables"]
