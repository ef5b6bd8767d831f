"""How far a connection to a server goes: a network of our own, or everybody's."""

from __future__ import annotations

import ipaddress

from django.db import connection


def database_is_near() -> bool:
    """Tell whether PostgreSQL is reached without leaving a private network.

    Needs the database.
    """
    connection.ensure_connection()
    client = connection.connection
    names = str(connection.get_connection_params().get("host") or "")
    return is_near(names, client.info.hostaddr)


def is_near(host: str, address: str) -> bool:
    """Tell it by the name that was asked for and the address that answered. Pure.

    A name without a dot is of this machine or of its own network, as those of containers
    are: no such name is public. ``address`` is empty where it is not known.
    """
    if host and "." not in host and ":" not in host:
        return True
    try:
        return not ipaddress.ip_address(address.partition("%")[0]).is_global
    except ValueError:
        return False
