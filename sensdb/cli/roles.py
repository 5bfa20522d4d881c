"""`sensdb grant-reader` and `revoke-reader`: who may look, on a PostgreSQL server."""

from __future__ import annotations

import click

from sensdb.cli.options import examples, pass_settings
from sensdb.cli.output import note
from sensdb.settings import Settings


@click.command("grant-reader", epilog=examples("sensdb grant-reader bi_reader", then="psql -c '\\password bi_reader'"))
@click.argument("role", metavar="ROLE")
@click.option(
    "--statement-seconds",
    type=click.IntRange(1, 86_400),
    default=300,
    show_default=True,
    help="Advised limit on each of its statements.",
)
@pass_settings
def grant_reader(settings: Settings, role: str, statement_seconds: int) -> None:
    """Let a PostgreSQL role read the views and data_dictionary.

    And nothing else: a role that is missing is created, one that could do more is cut back. Temporary tables, CREATE
    in the schema and large objects are taken from PUBLIC in this database. Upgrades keep what is granted.
    """
    from sensdb.operations.roles import grant_reader as grant

    done = grant(settings.database_url, role, statement_seconds=statement_seconds)
    note(f"{'created role' if done.created else 'role'} {role}: it may read the views and data_dictionary.")
    if done.created:
        note(f"It has no password yet: psql -c '\\password {role}'")
    if done.left:
        note(f"It may still {' and '.join(done.left)}; a superuser who runs this again takes that from it.")


@click.command("revoke-reader", epilog=examples("sensdb revoke-reader bi_reader", then="psql -c 'DROP ROLE bi_reader'"))
@click.argument("role", metavar="ROLE")
@pass_settings
def revoke_reader(settings: Settings, role: str) -> None:
    """Take from a role what grant-reader gave it.

    The role itself stays.
    """
    from sensdb.operations.roles import revoke_reader as revoke

    revoke(settings.database_url, role)
    note(f"role {role} may read nothing of this database any more.")
