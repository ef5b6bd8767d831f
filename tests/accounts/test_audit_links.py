"""From an object in the admin to every change of it."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from accounts import people
from accounts.models import User
from accounts.roles import Role
from proxies.models import Proxy
from tests.accounts.conftest import PASSWORD

if TYPE_CHECKING:
    from django.test import Client

pytestmark = [
    pytest.mark.usefixtures("redis_client"),
    pytest.mark.django_db(transaction=True),
]
LINK = re.compile(r'href="(/audit/\?[^"]+)"')


def proxy(name: str, port: int) -> Proxy:
    made: Proxy = Proxy.objects.create(
        name=name, type=Proxy.Type.HTTP, host="127.0.0.1", port=port
    )
    return made


def link_of(client: Client, view: str, number: int) -> str | None:
    page = client.get(reverse(f"admin:{view}", args=[number]))
    assert page.status_code == 200
    found = LINK.search(page.content.decode())
    return unescape(found[1]) if found else None


@pytest.mark.parametrize("view", ["change", "history"])
def test_an_object_leads_to_all_that_was_changed_of_it_wherever(
    admin_client: Client, view: str
) -> None:
    row, other = proxy("tokyo", 1), proxy("osaka", 2)
    # By a page, not in the admin; and then its name is another.
    admin_client.post(f"/proxies/{row.pk}/switch/", {"enabled": "false"})
    Proxy.objects.filter(pk=row.pk).update(name="kyoto")
    address = link_of(admin_client, f"proxies_proxy_{view}", row.pk)
    assert address == f"/audit/?target=proxies&number={row.pk}"

    page = admin_client.get(address).content.decode()
    table = page.partition("<tbody>")[2]
    assert table.count("<tr>") == 3
    assert "tokyo" in table
    assert "kyoto" in table
    assert other.name not in table
    # Whoever filters further stays with the object.
    assert f'<input type="hidden" name="number" value="{row.pk}"' in page


def test_of_a_user_it_has_role_and_logins_too(
    admin_client: Client, person: User
) -> None:
    people.role_set(user=person, role=Role.OPERATOR)
    address = link_of(admin_client, "accounts_user_change", person.pk)
    assert address is not None
    kinds = {
        shown.entry.target for shown in admin_client.get(address).context["entries"]
    }
    assert kinds == {"users", "users_groups"}


def test_who_may_not_read_the_audit_gets_no_link(client: Client) -> None:
    operator = User.objects.create_user("ana", PASSWORD)
    people.role_set(user=operator, role=Role.OPERATOR)
    client.force_login(operator)
    row = proxy("tokyo", 1)
    for view in ("change", "history"):
        assert link_of(client, f"proxies_proxy_{view}", row.pk) is None
