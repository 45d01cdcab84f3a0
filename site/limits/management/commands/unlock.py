"""`manage.py unlock [USERNAME] [--address ADDRESS]`: let log-ins through again at once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from limits import attempts
from limits.addresses import client_address


class Command(BaseCommand):
    help = "Forget wrong passwords, so that nobody has to wait: of one account, from one address, or all there are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", nargs="?", help="the account; all where it is left out")
        parser.add_argument("--address", help="log-ins from this address")

    def handle(self, *args: Any, username: str | None, address: str | None, **options: Any) -> None:
        where = client_address(address, "", ()) if address else None
        count = attempts.unlock(account=username, address=where)
        self.stdout.write(f"{count} counters cleared." if count else "Nothing was locked.")
