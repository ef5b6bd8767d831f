"""Errors of the API as RFC 9457 problems (``application/problem+json``).

A problem has ``type``, ``title`` (the words of the status), ``status`` and ``detail``
(a full sentence); where fields were refused it has ``errors`` as well, an object of
lists of sentences by the field's path, such as ``3.pair`` in a list.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from btc_watcher.lib.errors import BtcWatcherError, RefusedError

PROBLEM_TYPE: Final = "application/problem+json"
# What is wrong with the body as a whole, not with one field of it.
WHOLE_BODY: Final = "body"
NAMED_FIELDS: Final = 5
# The last three are the full-width marks of Chinese.
SENTENCE_ENDS: Final = (".", "!", "?", "\u3002", "\uff01", "\uff1f")


def problem(
    status: int, detail: str, errors: dict[str, list[str]] | None = None
) -> dict[str, Any]:
    """Return the members of a problem."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": sentence(detail),
    }
    if errors:
        body["errors"] = errors
    return body


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer ``error`` (DRF's EXCEPTION_HANDLER); None leaves it to Django, as a 500."""
    known = _as_api_exception(error)
    if known is None:
        return None
    set_rollback()
    if isinstance(known, exceptions.ValidationError):
        fields = field_errors(known.detail)
        body = problem(known.status_code, _fields_sentence(fields), fields)
    else:
        body = problem(known.status_code, _detail(known))
    return Response(
        body,
        status=known.status_code,
        headers=_headers(known),
        content_type=PROBLEM_TYPE,
    )


def field_errors(detail: Any, path: str = "") -> dict[str, list[str]]:
    """Return the sentences of DRF's nested ``detail`` by the path of their field."""
    if isinstance(detail, dict):
        entries = detail.items()
    elif isinstance(detail, list) and any(isinstance(d, dict | list) for d in detail):
        entries = dict(enumerate(detail)).items()
    else:
        texts = detail if isinstance(detail, list | tuple) else [detail]
        return {path or WHOLE_BODY: [sentence(str(text)) for text in texts]}
    found: dict[str, list[str]] = {}
    for key, value in entries:
        if not value:
            continue
        whole = key == api_settings.NON_FIELD_ERRORS_KEY
        step = path if whole else f"{path}.{key}".lstrip(".")
        for name, texts in field_errors(value, step).items():
            found.setdefault(name, []).extend(texts)
    return found


def sentence(text: str) -> str:
    """Return ``text`` with the full stop that it may lack."""
    text = text.strip()
    return text if text.endswith(SENTENCE_ENDS) else f"{text}."


def _as_api_exception(error: Exception) -> exceptions.APIException | None:
    known: exceptions.APIException | None = None
    if isinstance(error, exceptions.APIException):
        known = error
    elif isinstance(error, BtcWatcherError):
        known = exceptions.APIException(error.message)
        known.status_code = HTTPStatus.BAD_REQUEST
    elif isinstance(error, DjangoValidationError):
        known = exceptions.ValidationError(as_serializer_error(error))
    elif isinstance(error, RecursionError):
        known = exceptions.ParseError(_("it is nested too deeply"))
    elif isinstance(error, Http404):
        known = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        reason = str(error) if isinstance(error, RefusedError) else None
        known = exceptions.PermissionDenied(reason)
    return known


def _detail(error: exceptions.APIException) -> str:
    if isinstance(error, exceptions.ParseError):
        reason = str(error.detail).removeprefix("JSON parse error - ")
        return _("The body could not be read: %(reason)s") % {"reason": reason}
    return str(error.detail)


def _fields_sentence(fields: dict[str, list[str]]) -> str:
    if list(fields) == [WHOLE_BODY]:
        return " ".join(fields[WHOLE_BODY])
    names = ", ".join(list(fields)[:NAMED_FIELDS])
    if len(fields) > NAMED_FIELDS:
        names += ", …"
    return ngettext(
        "%(count)d field was refused: %(names)s.",
        "%(count)d fields were refused: %(names)s.",
        len(fields),
    ) % {"count": len(fields), "names": names}


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(challenge)
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return headers
