"""The local AWS: one process on one loopback port that executes the same calls, templates and roles as AWS.

`front` receives every request, `emulator` is MiniStack behind it, and each engine (`athena`, `sagemaker`, ...) is a
`kit.service.Service`. `kit` holds what all engines share: pages, tags, permissions, role sessions, S3, members, CloudFormation
properties, child processes and their logs. The README's section Architecture lists all parts.
See docs/local-aws.md for what is honoured, what is refused and what stays open.
"""

__version__ = "0.1.0"
