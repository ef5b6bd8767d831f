"""What people do with nodes: in the terminal, in the admin; and what they are told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from freqtrade_mgmt.bot_config import (
    BotCredentials,
    BotIdentity,
    BotSpec,
    bot_folder_read,
    bot_folder_write,
)
from freqtrade_mgmt.health.facts import gather_facts
from freqtrade_mgmt.health.looking import look
from freqtrade_mgmt.health.shapes import Answer, Life, ProcessRow, Subject
from freqtrade_mgmt.health.usual import SignalCounter
from freqtrade_mgmt.leases.managing import holders, nodes_list
from freqtrade_mgmt.leases.models import StrategyLease, SupervisorNode
from freqtrade_mgmt.leases.reach import reach_of, reach_written
from freqtrade_mgmt.leases.store import (
    lease_limits,
    leases_renew,
    leases_take,
    node_register,
)
from freqtrade_mgmt.supervisor.node_records import nodes_tell
from freqtrade_mgmt.upgrades.asking import UpgradeRefusedError, upgrade_request
from notifications.models import Alert
from strategies.models import Strategy, StrategyProcess
from tests.freqtrade_mgmt.fake_bots import CODE
from tests.freqtrade_mgmt.test_leases_store import A, B, silent, stale

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]


@pytest.fixture(autouse=True)
def _nodes(transactional_db: None) -> None:
    node_register(A)
    node_register(B)
    leases_take(A, [0, 7, 8], guarded=True)


def said(*words: str) -> str:
    output = StringIO()
    call_command("nodes", *words, stdout=output)
    return output.getvalue()


def test_the_command_lists_the_nodes() -> None:
    lines = said().splitlines()
    assert lines[0].split()[:3] == ["a", "live", "2"]
    assert "does the work for all" in lines[0]
    assert lines[1].split()[:3] == ["b", "live", "0"]
    found = json.loads(said("--json"))
    assert [(each["name"], each["bots"]) for each in found] == [("a", 2), ("b", 0)]


def test_a_node_is_emptied_and_filled_again() -> None:
    assert "is being emptied" in said("drain", "a")
    assert [node.state for node in nodes_list()] == ["draining", "live"]
    # It stays so over a restart of its supervisor.
    node_register(A)
    assert nodes_list()[0].draining
    said("undrain", "a")
    assert [node.state for node in nodes_list()] == ["live", "live"]


def test_what_was_done_is_told_as_json() -> None:
    assert json.loads(said("drain", "a", "--json")) == {"node": "a", "action": "drain"}
    StrategyLease.objects.update(guarded=False)
    silent(A)
    leases_take(B, [7], guarded=True, stale=stale(7))
    given = json.loads(said("release", "a", "--yes-really", "--json"))
    assert given == {"node": "a", "action": "release", "strategies": 2}
    with pytest.raises(CommandError) as usage:
        said("release", "b")
    assert usage.value.returncode == 2


def test_a_node_that_lives_is_not_given_up() -> None:
    with pytest.raises(CommandError, match="yes-really"):
        said("release", "a")
    with pytest.raises(CommandError, match="drain a"):
        said("release", "a", "--yes-really")
    with pytest.raises(CommandError, match="Known are: a, b"):
        said("release", "c", "--yes-really")
    with pytest.raises(CommandError, match="Name the node"):
        said("drain")
    assert set(StrategyLease.objects.values_list("node", flat=True)) == {"a"}


def test_what_a_lost_node_held_is_given_up_by_hand() -> None:
    StrategyLease.objects.update(guarded=False)
    silent(A)
    assert leases_take(B, [7], guarded=True, stale=stale(7)) == {}
    assert "2 strategies" in said("release", "a", "--yes-really")
    assert leases_take(B, [7], guarded=True) == {7: 2}
    assert [node.name for node in nodes_list()] == ["b"]


def told(told_before: dict[str, Any]) -> dict[str, Any]:
    limits = lease_limits()
    picture = leases_renew(B, {}, guarded=True).picture
    return nodes_tell(picture, limits, told_before)


def test_a_dead_node_is_one_alert_that_ends_with_its_return() -> None:
    before = told({})
    assert not Alert.objects.exists()

    silent(A, 40)
    # Its strategies are being taken over: that is told together.
    before = told(before)
    assert not Alert.objects.exists()
    leases_take(B, [7, 8], guarded=True, stale=stale(7, 8))
    before = told(before)
    before = told(before)
    alert = Alert.objects.get()
    assert alert.key == "node:a"
    assert alert.context["moved"] == 2

    node_register(A)
    told(before)
    assert Alert.objects.get().resolved_at is not None


def test_strategies_that_nobody_may_take_are_urgent() -> None:
    StrategyLease.objects.update(guarded=False)
    silent(A)
    told({})
    alert = Alert.objects.get()
    assert alert.priority == "P0"
    assert alert.context["stuck"] == 2
    said("release", "a", "--yes-really")
    assert Alert.objects.get().resolved_at is not None


def test_an_upgrade_wants_all_strategies_on_one_node() -> None:
    assert holders() == ["a"]
    leases_take(B, [9], guarded=True)
    with pytest.raises(UpgradeRefusedError, match=r"several nodes \(a, b\)"):
        upgrade_request("2026.9")


def test_the_admin_shows_nodes_and_empties_them(admin_client: Client) -> None:
    address = reverse("admin:freqtrade_mgmt_supervisornode_changelist")
    page = admin_client.get(address).content.decode()
    assert "field-state" in page
    chosen = {"action": "drain", "confirmed": "yes", "_selected_action": ["a"]}
    admin_client.post(address, chosen)
    assert SupervisorNode.objects.get(pk="a").draining
    admin_client.post(address, chosen | {"action": "undrain"})
    assert not SupervisorNode.objects.get(pk="a").draining


def test_a_bot_of_another_machine_is_reached_with_what_its_node_wrote(
    settings: Any,
) -> None:
    strategy = Strategy.objects.create(name="x")
    identity = BotIdentity(BotCredentials.random(), 4711, f"btcw-{strategy.pk}")
    assert reach_written(strategy.pk, identity) == ""
    settings.NODE_ADDRESS = "10.0.0.5"
    reach = reach_written(strategy.pk, identity)
    assert identity.credentials.password not in reach
    row = StrategyProcess.objects.create(
        strategy=strategy,
        status="running",
        resource_usage={"node": "elsewhere", "reach": reach},
    )

    found = reach_of(strategy.pk)
    assert found is not None
    assert (found.host, found.port) == ("10.0.0.5", 4711)
    assert found.credentials.password == identity.credentials.password

    row.resource_usage["node"] = settings.NODE_NAME
    row.save()
    assert reach_of(strategy.pk) is None


def test_the_health_round_takes_the_word_of_a_supervisor_on_another_machine() -> None:
    now = timezone.now()
    row = ProcessRow(1, 4711, 1.0, now, now, node="elsewhere")
    subject = Subject(7, "x", "running", "simulated", (), 60.0, now, process=row)
    seen = look(subject, now)
    assert (seen.life, seen.afar, seen.identity) == (Life.ALIVE, True, None)

    later = now + timedelta(minutes=5)
    assert look(subject, later).life is Life.DEAD
    # And with its own eyes, where it is here.
    here = replace(subject, process=replace(row, node=""))
    assert look(here, now).life is Life.DEAD


async def test_a_bot_elsewhere_that_nobody_here_can_ask_is_believed_to_answer() -> None:
    now = timezone.now()
    row = ProcessRow(1, 4711, 1.0, now, now, node="elsewhere")
    subject = Subject(7, "x", "running", "simulated", (), 60.0, now, process=row)
    counts = await sync_to_async(SignalCounter().counts)(now)
    facts = (await gather_facts([subject], counts, now))[7]
    assert (facts.answer, facts.bot_state) == (Answer.OK, "RUNNING")


@pytest.mark.parametrize(
    ("bind", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - nothing is bound here
        ("10.0.0.5", "10.0.0.5"),
    ],
)
def test_a_bot_listens_where_it_is_told_and_is_reached_there(
    tmp_path: Path, bind: str, host: str
) -> None:
    credentials = BotCredentials.random()
    url = "http://127.0.0.1:1/api/v3"
    spec = BotSpec(7, "x", "X", CODE, "simulated", ("BTC/USDT",), "1m", "USDT")
    paths = bot_folder_write(tmp_path, spec, credentials, 4711, url, bind=bind)
    server = json.loads(paths.config.read_text())["api_server"]
    assert server["listen_ip_address"] == bind
    assert bot_folder_read(tmp_path).host == host
