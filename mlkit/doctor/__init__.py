"""`mlkit doctor`: what would fail, found before it costs anything. Nothing here changes anything.

findings   what a check says: ok, warn, fail or skipped, and what to type next
checking   runs checks in order; an error, or a refusal of AWS, becomes the finding of its check
reading    the session that refuses every operation that is not a mere look
account    what several checks look at: caller, stacks, table, role - asked for once
machine    checks of this machine; the others, by their names, of an AWS: credentials, lake, roles, sagemaker, pipeline
"""
