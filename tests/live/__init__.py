"""The first hour on AWS: `make live` deploys everything once, asks AWS what only AWS can answer, and removes it. See docs/live.md.

The script runs the same against the local AWS: it differs by AWS_ENDPOINT_URL, region and credentials alone.
"""
