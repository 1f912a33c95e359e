"""``python -m undertone.cli`` is the console script ``undertone``."""

from undertone.cli import main

if __name__ == "__main__":
    main()
