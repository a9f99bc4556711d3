"""`python -m localaws`."""

from localaws.cli import main

if __name__ == "__main__":
    main()
