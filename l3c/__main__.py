"""`python -m l3c`: the command `l3c`."""

import sys

from l3c.cli import main

if __name__ == "__main__":
    sys.exit(main())
