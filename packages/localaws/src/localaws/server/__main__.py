"""`python -m localaws.server`."""

from localaws.server.process import main

main()
