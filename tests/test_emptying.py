"""What a test that commits leaves to the next one."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from accounts.models import AuditEntry, User
from accounts.roles import Role, role_of
from proxies.models import Proxy

ROLE = Role.OPERATOR


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("run", range(4))
def test_only_what_migrating_has_made_is_left_to_the_next_test(run: int) -> None:
    assert not Proxy.objects.exists()
    # Neither what was changed nor that it was taken away.
    assert not AuditEntry.objects.exists()
    names = Group.objects.order_by("name").values_list("name", flat=True)
    assert list(names) == sorted(Role)
    person = User.objects.create_user("mei", "Correct-horse-7")
    person.groups.add(Group.objects.get(name=ROLE))
    assert role_of(person) is ROLE

    Proxy.objects.create(name="tokyo", type=Proxy.Type.HTTP, host="127.0.0.1", port=1)
    assert AuditEntry.objects.exists()
    if run % 2:
        Group.objects.create(name="more")
