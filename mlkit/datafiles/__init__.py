"""Finds, decompresses, decodes and parses files of rows, in the same way for every kind of data.

sources   the file itself, or the only one in a folder, zip or compressed file
reading   its rows as batches of text: encoding, delimiter, header, quotes, blank lines; Parquet too
values    reads text as a whole number, a number, or text that the lake can hold
    writing   writes rows in the format of the lake's text tables
"""
