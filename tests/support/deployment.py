"""Parley on several machines, as far as one machine can show it: a database, web processes on it, people."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from launcher import REPOSITORY
from tests.launcher.running import clean_environment
from tests.support.database import Database
from tests.support.hosts import Host, site_environment
from tests.support.people import Person, make_people

PEOPLE = 60


class Deployment:
    """One database and any number of hosts; the model behind them is at `tgi_url`.

    `hosts`: the two that every test may use.
    """

    def __init__(self, folder: Path, tgi_url: str, **variables: str) -> None:
        self._folder = folder
        self.database = Database(folder)
        self.environment = site_environment(
            clean_environment(),
            DATA_DIR=str(folder),
            DATABASE_URL=self.database.url,
            SECRET_KEY="for tests of faults only, " * 2,
            TGI_URL=tgi_url,
            **variables,
        )
        self.hosts: list[Host] = []
        self._people: list[Person] = []

    async def start(self) -> None:
        """Start everything: the database with its tables, accounts, two hosts."""
        await self.database.make()
        prepare = [sys.executable, "site/manage.py", "prepare"]
        await asyncio.to_thread(
            subprocess.run, prepare, cwd=REPOSITORY, env=self.environment, check=True, stdout=subprocess.DEVNULL
        )
        self.hosts = [self.host("first"), self.host("second")]
        making = asyncio.create_task(asyncio.to_thread(make_people, PEOPLE, self.environment))
        await asyncio.gather(*(host.start() for host in self.hosts))
        self._people = await making

    def host(self, name: str, **variables: str) -> Host:
        """One more host, not started yet; close it in the end."""
        return Host({**self.environment, **variables}, self._folder / f"web-{name}.log")

    def person(self) -> Person:
        """Somebody who has asked nothing yet."""
        return self._people.pop()

    async def close(self) -> None:
        await asyncio.gather(*(host.close() for host in self.hosts))
        self.database.close()
