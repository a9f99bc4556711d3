"""Athena of the local AWS: Trino SQL on DuckDB over the Glue tables' objects in S3.

    service      operations and permissions -> submission (what is refused at once) -> queue (waits, runs, stops)
    engine       one statement as the caller: statements and hive (its words), trino (Trino SQL to DuckDB SQL), catalog (Glue),
                 lake and cache (S3), scans (SerDes), writing and loading (result and data files), ddl (the catalog's statements)
    results      GetQueryResults from the stored file; executions and workgroups are what is remembered

A query acts with its caller's credentials for everything it reads and writes, so a missing permission fails it as on AWS.
"""

from localaws.athena.service import Athena

__all__ = ["Athena"]
