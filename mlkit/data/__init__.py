"""Rows in files and in the lake, in the same way for every kind of data: find, decompress, decode, parse, write, query.

file_sources      the file itself, or the only one in a folder, zip or compressed file
row_files         its rows as batches of text: encoding, delimiter, header, quotes, blank lines; Parquet too
cell_values       reads text as a whole number, a number, or text that the lake can hold
lake_text         writes rows in the format of the lake's text tables
sql               the SQL that every data set needs: quoted names, salted hashes, UNLOAD
bad_rows          the rule for unusable rows of a table
"""
