"""Trino SQL compiled to DuckDB SQL: pure text to text, no network and no files.

`parsing` reads the text (sqlglot's Trino grammar, functions kept by their Trino names), `queries` and `expressions` give every node its
Trino type and write DuckDB SQL that computes the same, `functions`, `aggregates` and `casts` are the allow-list behind them. Whatever is
not on the list is refused by name; nothing is passed through in the hope that both engines agree.
"""
