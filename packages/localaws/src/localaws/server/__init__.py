"""The server process of the local AWS: `python -m localaws.server --home DIR --port N`."""
