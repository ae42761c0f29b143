"""``python -m sidedoor``."""

from __future__ import annotations

from sidedoor.cli import main

if __name__ == "__main__":
    main()
