"""Email against a mail server that behaves well and badly."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from btc_watcher.lib.errors import ConfigurationError, TransportError
from notifications.transports.base import Outgoing
from notifications.transports.email import EmailTransport, message_id
from tests.notifications.fakes import SmtpFake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MESSAGE = Outgoing(
    id=7,
    title="▲ BUY BTC/USDT <5m>",
    body="Price: 1 & 2\nStrategy: ema_cross",
    priority="P0",
    message_type="signal",
    queued_at=dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC),
)
SECRETS = {"password": "s3cret-password"}


def deliver(config: dict[str, Any], message: Outgoing = MESSAGE) -> Any:
    return EmailTransport().deliver(config, SECRETS, message)


def failure(config: dict[str, Any]) -> TransportError:
    with pytest.raises(TransportError) as caught:
        deliver(config)
    return caught.value


def test_a_mail_has_text_and_html_and_says_who_took_it(
    smtp: SmtpFake, email_config: dict[str, Any]
) -> None:
    receipt = deliver(email_config)
    (mail,) = smtp.received
    assert mail["Subject"] == "[P0] ▲ BUY BTC/USDT <5m>"
    assert mail["To"] == "a@example.org"
    assert mail["X-Priority"] == "1"
    text = mail.get_body(("plain",))
    html = mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "Price: 1 & 2\r\nStrategy: ema_cross" in text.get_content()
    assert "Price: 1 &amp; 2<br>Strategy: ema_cross" in html.get_content()
    assert "&lt;5m&gt;" in html.get_content()
    assert (receipt.code, receipt.detail) == (250, "250 2.0.0 Ok: queued as 1")
    assert receipt.message_id == mail["Message-ID"]
    assert not receipt.refused


def test_the_message_id_never_changes_for_a_notification(
    smtp: SmtpFake, email_config: dict[str, Any]
) -> None:
    deliver(email_config)
    deliver(email_config)
    deliver(email_config, replace(MESSAGE, id=8))
    first, repeat, other = (str(mail["Message-ID"]) for mail in smtp.received)
    assert first == repeat == message_id(7, "x@example.org")
    assert first != other
    assert first.endswith("@example.org>")


def test_a_partial_refusal_is_told(
    smtp: SmtpFake, email_config: dict[str, Any]
) -> None:
    email_config["to"] = ["a@example.org", "b@example.org", "c@example.org"]
    smtp.refuse["b@example.org"] = "550 5.1.1 no such user"
    smtp.greylist.add("c@example.org")
    receipt = deliver(email_config)
    assert receipt.refused == {
        "b@example.org": "550 5.1.1 no such user",
        "c@example.org": "451 4.7.1 greylisted, try again later",
    }
    assert receipt.left == ("c@example.org",)
    assert smtp.envelopes[0][1] == ("a@example.org",)


def test_only_those_who_are_left_get_it_again(
    smtp: SmtpFake, email_config: dict[str, Any]
) -> None:
    email_config["to"] = "a@example.org, c@example.org"
    deliver(email_config, replace(MESSAGE, left=("c@example.org",)))
    assert smtp.envelopes[0][1] == ("c@example.org",)


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [("550 5.1.1 no such user", True), ("452 4.2.2 mailbox full", False)],
)
def test_a_refusal_of_everybody_names_them(
    smtp: SmtpFake, email_config: dict[str, Any], answer: str, permanent: bool
) -> None:
    smtp.refuse["a@example.org"] = answer
    error = failure(email_config)
    assert (error.permanent, error.code) == (permanent, int(answer[:3]))
    assert f"a@example.org: {answer}" in error.message


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [("554 5.7.1 spam", True), ("451 4.3.0 later", False), ("421 4.3.2 down", False)],
)
def test_a_refusal_of_the_mail_is_told(
    smtp: SmtpFake, email_config: dict[str, Any], answer: str, permanent: bool
) -> None:
    smtp.data_answer = answer
    error = failure(email_config)
    assert (error.permanent, error.code) == (permanent, int(answer[:3]))
    assert answer[4:] in error.message


def test_a_dropped_connection_is_temporary(
    smtp: SmtpFake, email_config: dict[str, Any]
) -> None:
    smtp.drop = True
    error = failure(email_config)
    assert not error.permanent
    assert "closed the connection" in error.message


def test_a_server_that_hangs_is_left_after_the_time_out(
    smtp: SmtpFake, email_config: dict[str, Any]
) -> None:
    smtp.hold = True
    error = failure(email_config | {"timeout": 1})
    assert not error.permanent
    assert f"127.0.0.1:{smtp.port}" in error.message


def test_the_deadline_ends_what_no_time_out_ends(
    smtp: SmtpFake, email_config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EmailTransport, "deadline", 0.3)
    smtp.hold = True
    error = failure(email_config | {"timeout": 60})
    assert not error.permanent
    assert error.message == f"127.0.0.1:{smtp.port} did not finish within 0.3 seconds."


def test_no_server_is_temporary(email_config: dict[str, Any], dead_port: int) -> None:
    error = failure(email_config | {"port": dead_port})
    assert not error.permanent
    assert error.message == (
        f"No connection to 127.0.0.1:{dead_port}: ConnectionRefusedError."
        " Check 'host', 'port' and 'security'."
    )


def test_a_host_that_is_no_name_is_told(email_config: dict[str, Any]) -> None:
    error = failure(email_config | {"host": "mail..example"})
    assert "mail..example" in error.message


def test_a_login_is_made_and_its_refusal_is_permanent(
    smtp: SmtpFake, email_config: dict[str, Any]
) -> None:
    smtp.password = SECRETS["password"]
    login = {"username": "watcher", "password": "a token, not read here"}
    assert deliver(email_config | login).code == 250
    assert smtp.logins == ["watcher"]
    smtp.password = "another"
    error = failure(email_config | login)
    assert (error.permanent, error.code) == (True, 535)
    assert "'password'" in error.message
    assert SECRETS["password"] not in str(error)


def test_a_password_that_smtp_cannot_carry_is_told(
    email_config: dict[str, Any],
) -> None:
    secrets = {"password": "pässword"}
    with pytest.raises(TransportError, match="outside ASCII") as caught:
        EmailTransport().deliver(email_config, secrets, MESSAGE)
    assert caught.value.permanent


def test_starttls_is_required_when_it_is_asked_for(
    smtp: SmtpFake, email_config: dict[str, Any]
) -> None:
    error = failure(email_config | {"security": "starttls"})
    assert error.permanent
    assert "'security'" in error.message
    assert not smtp.received


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - for OpenSSL's clock
    day = dt.timedelta(days=1)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture(params=["starttls", "tls"])
def secure(
    request: pytest.FixtureRequest, certificate: Path
) -> Iterator[tuple[str, SmtpFake]]:
    """A mail server with TLS, and the word for it in the configuration."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    fake = SmtpFake(tls=context, starttls=request.param == "starttls")
    fake.start()
    yield request.param, fake
    fake.stop()


def test_tls_works_with_a_trusted_certificate(
    secure: tuple[str, SmtpFake],
    email_config: dict[str, Any],
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    security, fake = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert deliver(email_config | {"security": security, "port": fake.port}).code == 250


def test_an_untrusted_certificate_is_told(
    secure: tuple[str, SmtpFake], email_config: dict[str, Any]
) -> None:
    security, fake = secure
    error = failure(email_config | {"security": security, "port": fake.port})
    assert "is not trusted" in error.message
    assert not fake.received


def test_the_outcome_is_unknown_once_the_text_is_on_its_way(
    smtp: SmtpFake, email_config: dict[str, Any], dead_port: int
) -> None:
    assert not failure(email_config | {"port": dead_port}).unknown
    smtp.refuse["a@example.org"] = "451 4.3.0 later"
    assert not failure(email_config).unknown
    smtp.refuse.clear()
    smtp.data_answer = "451 4.3.0 later"
    assert not failure(email_config).unknown
    smtp.data_answer, smtp.drop = "", True
    assert failure(email_config).unknown
    smtp.drop, smtp.hold = False, True
    assert failure(email_config | {"timeout": 1}).unknown


def test_the_servers_words_are_kept(
    smtp: SmtpFake, email_config: dict[str, Any]
) -> None:
    assert deliver(email_config).body == "250 2.0.0 Ok: queued as 1"
    smtp.data_answer = "554 5.7.1 spam"
    assert failure(email_config).body == "554 5.7.1 spam"
    smtp.data_answer = ""
    smtp.refuse["a@example.org"] = "550 5.1.1 no such user"
    error = failure(email_config)
    assert error.body == "a@example.org: 550 5.1.1 no such user"
    assert not error.disables


def test_a_login_that_is_refused_disables_the_channel(
    smtp: SmtpFake, email_config: dict[str, Any]
) -> None:
    smtp.password = "another"
    error = failure(email_config | {"username": "watcher", "password": "x"})
    assert error.disables
    assert "535" in error.body


@pytest.mark.parametrize(
    ("language", "word"), [("en", "notification"), ("zh-hans", "通知")]
)
def test_a_mail_speaks_the_language_of_its_receiver(
    smtp: SmtpFake, email_config: dict[str, Any], language: str, word: str
) -> None:
    deliver(email_config, replace(MESSAGE, language=language))
    for kind in ("plain", "html"):
        part = smtp.received[0].get_body((kind,))
        assert part is not None
        assert word in part.get_content()


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"host": None}, "'host'"),
        ({"host": " "}, "'host'"),
        ({"from": None}, "'from'"),
        ({"from": "nobody"}, "'nobody'"),
        ({"from": "a@example.org\nBcc: b@example.org"}, "'from'"),
        ({"to": None}, "'to'"),
        ({"to": []}, "'to'"),
        ({"to": ["a@example.org", "b"]}, "'b'"),
        ({"port": "smtp"}, "'port'"),
        ({"port": 70000}, "70000"),
        ({"port": True}, "'port'"),
        ({"timeout": 0}, "'timeout'"),
        ({"security": "ssl"}, "'ssl'"),
        ({"username": "u"}, "'password'"),
    ],
)
def test_a_wrong_configuration_names_the_key(
    email_config: dict[str, Any], changes: dict[str, Any], names: str
) -> None:
    with pytest.raises(ConfigurationError, match=names):
        EmailTransport().check(email_config | changes)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("to", ["a@example.org, b@example.org"]),
        ("from", "a@example.org, b@example.org"),
        ("host", "mail.example.org\r\nX-More: b"),
    ],
)
def test_what_would_break_a_mail_is_refused_before_it(
    email_config: dict[str, Any], key: str, value: object
) -> None:
    with pytest.raises(ConfigurationError, match=f"'{key}'"):
        EmailTransport().check(email_config | {key: value})
