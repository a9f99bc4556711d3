"""Takes secrets out of a notebook run before anything of it leaves the runner's memory: what is found is replaced by `[redacted: RULE]`.

Two things are looked for, in every text and in every shape a notebook gives it (colour codes, HTML, base64, split over outputs):

- what looks like a secret: the rules of detect-secrets, a few that a run on AWS needs beside them (`rules`), and values that are
  assigned to a name like `password` (`keywords`);
- what is known to be one: variables of the environment, resolved references, and whatever a keyword has given away in a notebook's
  source or parameters, in all their encodings (`known`).

Left out on purpose are detect-secrets' entropy rules and its rule for public IP addresses: digests, commits, run ids and addresses are
what a run's evidence is made of. Randomness counts only beside a name that says "secret" (`keywords`).
"""

from mlkit.screening.environment import secret_variables
from mlkit.screening.screener import Screener

__all__ = ["Screener", "secret_variables"]
