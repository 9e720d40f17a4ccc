"""`python -m gateway.client`."""

import sys

from gateway.client.command import main

if __name__ == "__main__":
    sys.exit(main())
