"""`python -m albertlm`, where the command `albertlm` is not on the path."""

from albertlm.cli import main

if __name__ == "__main__":
    main()
