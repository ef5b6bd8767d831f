"""Aliyun's SendSms: the signature, the template, its variables and its limits."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from django.utils import timezone

from tests.notifications.fakes.http import (
    Answer,
    HttpFake,
    Received,
    first_refusal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

AUTHORIZATION = re.compile(
    r"ACS3-HMAC-SHA256 Credential=(\S+?),SignedHeaders=(\S+?),Signature=([0-9a-f]{64})"
)
PHONE = re.compile(r"(?:\+?86)?1[3-9]\d{9}")
LINK = re.compile(r"https?:|www\.|\w\.(com|cn|net|org)\b", re.IGNORECASE)


class AliyunFake(HttpFake):
    """``texts`` are (number, variables) that went out.

    ``template`` are the variables that the approved template has; ``longest`` is
    what it takes in one; ``daily`` messages a day go to a number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.key_id = "LTAI5tFakeKeyId"
        self.key = "aliyun-access-key-secret"
        self.template = {"pair", "price"}
        self.longest = 20
        self.daily = 50
        self.nonces: set[str] = set()
        self.sent: Counter[str] = Counter()
        self.texts: list[tuple[str, dict[str, str]]] = []

    def busy(self) -> Answer:
        """Answer as above the calls a second of an account."""
        return told(
            400, "Throttling.User", "Request was denied due to user flow control."
        )

    def reply(self, request: Received) -> Answer:
        """Check a request as Aliyun does, and send its text."""
        refused = self._identity(request) or self._template(request.query)
        if refused:
            return refused
        number = request.query["PhoneNumbers"]
        if not PHONE.fullmatch(number):
            return told(
                200, "isv.MOBILE_NUMBER_ILLEGAL", f"{number}invalid mobile number"
            )
        if self.sent[number] >= self.daily:
            why = f"触发天级流控Permits:{self.daily}"
            return told(200, "isv.BUSINESS_LIMIT_CONTROL", why)
        self.sent[number] += 1
        variables = json.loads(request.query.get("TemplateParam", "{}"))
        self.texts.append((number, variables))
        return 200, {
            "Code": "OK",
            "Message": "OK",
            "BizId": f"9006195^{len(self.texts)}",
            "RequestId": "F655A8D5-B967-440B-8683-DAD6FF8DE990",
        }

    def _identity(self, request: Received) -> Answer | None:
        found = AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        if not found:
            return told(400, "IncompleteSignature", "The request signature is wrong.")
        key_id, names, signature = found.groups()
        date = datetime.fromisoformat(request.headers["x-acs-date"])
        age = abs((timezone.now() - date).total_seconds())
        nonce = request.headers["x-acs-signature-nonce"]
        refused = first_refusal(
            (
                key_id != self.key_id,
                told(404, "InvalidAccessKeyId.NotFound", "Specified key is not found."),
            ),
            (
                signature != self._signature(request, names.split(";")),
                told(400, "SignatureDoesNotMatch", "Signature is not matched."),
            ),
            (
                age > 900,
                told(400, "InvalidTimeStamp.Expired", "Time stamp is expired."),
            ),
            (
                nonce in self.nonces,
                told(400, "SignatureNonceUsed", "Signature nonce was used already."),
            ),
        )
        self.nonces.add(nonce)
        return refused

    def _signature(self, request: Received, names: list[str]) -> str:
        pairs = [
            f"{quote(key, safe='~')}={quote(value, safe='~')}"
            for key, value in sorted(request.query.items())
        ]
        lines = [request.method, request.path, "&".join(pairs)]
        lines += [f"{name}:{request.headers[name].strip()}" for name in names]
        lines += ["", ";".join(names), hashlib.sha256(request.body).hexdigest()]
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        text = f"ACS3-HMAC-SHA256\n{digest}"
        return hmac.new(self.key.encode(), text.encode(), "sha256").hexdigest()

    def _template(self, query: Mapping[str, str]) -> Answer | None:
        variables = json.loads(query.get("TemplateParam", "{}"))
        values = list(variables.values())
        return first_refusal(
            (
                query["SignName"] != "BTC Watcher",
                told(200, "isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名"),
            ),
            (
                query["TemplateCode"] != "SMS_123456789",
                told(200, "isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板"),
            ),
            (
                self.template - variables.keys(),
                told(200, "isv.TEMPLATE_MISSING_PARAMETERS", "模板缺少变量对应参数"),
            ),
            (
                any(not each or len(each) > self.longest for each in values),
                told(200, "isv.PARAM_LENGTH_LIMIT", "参数超过长度限制"),
            ),
            (
                any(LINK.search(each) for each in values),
                told(200, "isv.PARAM_NOT_SUPPORT_URL", "不支持URL"),
            ),
        )


def told(status: int, code: str, message: str) -> Answer:
    """Return an error of Aliyun."""
    return status, {"Code": code, "Message": message, "RequestId": "1-2-3"}
