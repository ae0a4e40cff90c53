"""`python -m cuecast` is the command `cuecast`."""

from cuecast.cli import main

if __name__ == "__main__":
    main()
