"""What the built-in algorithms share.

channel_rows.py     the rows of a training channel in RecordIO-protobuf, as arrays
csv_rows.py         the rows of CSV, in channels and requests
payloads.py         an endpoint's requests and answers in JSON, JSON Lines and RecordIO-protobuf
first_party.py      the refusals and the log of Amazon's own algorithms: Factorization Machines, Linear Learner
"""
