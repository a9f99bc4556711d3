"""Files of rows that people bring: found, decompressed, decoded and cut into values in the same way for every kind of data.

sources   the file that is meant: itself, or the only one in a folder, zip or compressed file
reading   its rows as batches of text: encoding, delimiter, header, quotes, blank lines; Parquet too
values    what a piece of text is: a whole number, a number, or text that the lake can hold
    writing   rows as the lake's text tables hold them
"""
