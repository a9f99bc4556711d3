"""Athena of the local AWS: Trino SQL on DuckDB over the Glue tables' objects in S3.

The way of a query:

    service             operations and permissions
    submission          checks of StartQueryExecution; grammar, lexer and hive read the statement's kind
    query_queue         waiting, running and stopped queries
    statement_run       runs one statement as the caller:
                        trino (Trino SQL to DuckDB SQL), duck (DuckDB), glue_catalog (Glue), caller_s3 and object_cache (S3),
                        scans (SerDes), file_writers and write_targets (result and data files), ddl (statements about the catalog)
    result_pages        GetQueryResults, from the stored result file
    query_executions    the history of queries; workgroups, the workgroups

A query reads and writes with its caller's credentials, so a missing permission fails it as on AWS.
"""

from localaws.athena.service import Athena

__all__ = ["Athena"]
