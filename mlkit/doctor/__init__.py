"""`mlkit doctor`: finds what would fail, before it costs anything. No check changes anything.

findings   the result of a check: ok, warn, fail or skipped, and the next step
checking   runs checks in order; an error or a denial by AWS becomes the finding of its check
reading    the session that refuses every operation that is not read-only
account    what several checks need: caller, stacks, table, role; each is fetched once
machine    checks of this machine. The other modules check an AWS: credentials, lake, roles, quotas, sagemaker, pipeline, policies
"""
