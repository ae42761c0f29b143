"""Writes the next migration: what has to change in a database at the newest schema so that it is as store/schema.py says.

Run it as ``.venv/bin/python scripts/new_migration.py "Endpoints keep their last error"``, read what it wrote, and set ``HEAD``
in store/engine.py.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

from sidedoor.store import engine

MIGRATIONS = Path(engine.__file__).parent / "migrations"


def main(message: str) -> None:
    number = f"{int(engine.HEAD) + 1:04}"
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    with tempfile.TemporaryDirectory() as directory:
        store = engine.Store(f"sqlite:///{directory}/newest.db")
        store.upgrade()
        with store.engine.connect() as connection, connection.begin():
            config.attributes["connection"] = connection
            command.revision(config, message=message, autogenerate=True, rev_id=number)
        store.close()
    (written,) = (MIGRATIONS / "versions").glob(f"{number}_*.py")
    subprocess.run([sys.executable, "-m", "ruff", "check", "--fix", "--quiet", written], check=True)
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", written], check=True)
    print(f'{written}: read it, and set HEAD = "{number}" in store/engine.py')


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit('Say in one sentence what changes: scripts/new_migration.py "Endpoints keep their last error"')
    main(sys.argv[1])
