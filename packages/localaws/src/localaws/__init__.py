"""The local AWS: one process on one loopback port that executes the same calls, templates and roles as AWS.

`front` receives every request, `emulator` is MiniStack behind it, and each engine (`athena`, `sagemaker`, ...) is a
`service.Service`. What runs in a process of its own - a job, a build, an endpoint's server - does so by `child` and `supervise`,
and writes to `logs`. `kit` holds what all engines share: pages, tags, permissions, role sessions, S3, members, CloudFormation properties.
See docs/local-aws.md for what is honoured, what is refused and what stays open.
"""

__version__ = "0.1.0"
