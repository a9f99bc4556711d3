"""Takes secrets out of a notebook run before anything of it leaves the runner's memory: what is found is replaced by `[redacted: RULE]`.

Two things are looked for, in every text and in every shape a notebook gives it (colour codes, HTML, base64, split over outputs):

- what looks like a secret: the rules of betterleaks (`betterleaks.json`, made by `make secret-rules`), those that a run on AWS, a
  shell and a web request need beside them (`own_rules`), values that belong to a name like `password` (`keywords`), and cells of a
  table below such a name (`tables`), also where they are encoded (`encoded`);
- what is known to be one: variables of the environment, resolved references, and whatever a keyword has given away in a notebook's
  source or parameters, in all their encodings (`known`).

There is no rule for randomness alone: digests, commits and run ids are what a run's evidence is made of. Randomness counts beside a
name that says "secret" (`secret_names`).
"""

from mlkit.screening.environment import secret_variables
from mlkit.screening.error_messages import screened
from mlkit.screening.screener import Screener

__all__ = ["Screener", "screened", "secret_variables"]
