"""Code that all engines share: paging, tags, permissions, role sessions, S3 access, CloudFormation properties, child processes, logs."""
