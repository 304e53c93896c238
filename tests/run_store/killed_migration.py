"""Opens a store of an earlier version and is killed before a statement: ``FOLDER NUMBER``, counted
from 1 among the statements that change the store."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from nodeflow.run_store.database.connection import Database
from nodeflow.run_store.store import RunStore

CHANGE = ("BEGIN", "CREATE", "ALTER", "COMMIT", "PRAGMA user_version =")


def main(folder: str, number: str) -> None:
    left, real = [int(number)], Database._open

    def opened(self: Database, mode: str):
        connection = real(self, mode)
        connection.set_trace_callback(count)
        return connection

    def count(statement: str) -> None:
        if statement.startswith(CHANGE):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    Database._open = opened
    RunStore(Path(folder)).close()


if __name__ == "__main__":
    main(*sys.argv[1:])
