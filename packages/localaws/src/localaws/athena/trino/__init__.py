"""Compiles Trino SQL to DuckDB SQL, text to text, without network and files.

`parsing` reads the text with sqlglot's Trino grammar and keeps functions under their Trino names. `queries` and `expressions` give every
node its Trino type and write DuckDB SQL with the same result. `functions`, `aggregates` and `casts` are the allow-list. The compiler
refuses everything that is not on the list by name, because DuckDB could give another result than Trino.
"""
