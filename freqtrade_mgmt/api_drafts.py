"""The API of drafts: how code and configuration reach a strategy."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound, PermissionDenied
from rest_framework.response import Response

from accounts.models import User
from accounts.permissions import CanWrite
from btc_watcher.lib.api.base import ApiView
from btc_watcher.lib.api.describing import operation, paged
from btc_watcher.lib.api.moments import moment_text
from btc_watcher.lib.api.paging import PageQuery, cursor_read, cut
from btc_watcher.lib.api.strict import only_known
from btc_watcher.lib.api.tags import match_require
from btc_watcher.lib.errors import ConfigurationError
from freqtrade_mgmt.api_answers import DRAFT, DRAFT_DETAIL, PUBLISHED
from freqtrade_mgmt.bot_extra import settings_check
from freqtrade_mgmt.code_audit import UPLOAD_CODE, code_recorded
from strategies.drafts import is_edit, trial_needed
from strategies.errors import RefusedError, StrategyMissingError
from strategies.models import Strategy
from strategies.selectors import draft_by_id, strategy_by_id
from strategies.services import (
    draft_check,
    draft_delete,
    draft_publish,
    draft_save,
    draft_trial_ask,
)
from strategies.services.storing import draft_locked
from strategies.versions import config_run, without_secrets

if TYPE_CHECKING:
    from rest_framework.request import Request

CHANGE: Final = "strategies.change_strategy"
ORIGIN: Final = "sent to the API"


class Conflict(APIException):
    """The draft cannot be published as it is."""

    status_code = HTTPStatus.CONFLICT


class DraftSerializer(serializers.Serializer[Any]):
    """What a draft may say; it may be incomplete until it is published."""

    name = serializers.CharField(required=False, allow_blank=True, max_length=100)
    description = serializers.CharField(
        required=False, allow_blank=True, max_length=10_000
    )
    type = serializers.ChoiceField(required=False, choices=Strategy.Type.choices)
    config = serializers.DictField(
        required=False, help_text="code, class_name, exchange, pairs, timeframe, …"
    )
    freqtrade_config = serializers.DictField(required=False)
    signal_thresholds = serializers.DictField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what is no field: a misspelled one would be lost in silence."""
        return only_known(self, attrs)


class NewDraftSerializer(DraftSerializer):
    """A draft of something new, or ``of`` a strategy, whose values it begins with."""

    of = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**31 - 1
    )


class DraftsView(ApiView):
    """``/api/v1/strategies/drafts/``."""

    permission_classes = [CanWrite]
    permission = CHANGE

    @operation(
        paged(DRAFT),
        tag="drafts",
        name="drafts_list",
        summary="List drafts",
        query=PageQuery,
        item=DRAFT,
    )
    def get(self, request: Request) -> Response:
        """Return the drafts of all people, the newest first."""
        query = self.checked(PageQuery(data=request.query_params))
        found = Strategy.objects.filter(is_draft=True).order_by("-id")
        if text := query.get("cursor"):
            (after,) = cursor_read(text, (int,))
            found = found.filter(id__lt=after)
        rows, cursor = cut(
            found[: query["page_size"] + 1], query, lambda draft: (draft.pk,)
        )
        return self.page(request, map(draft_shape, rows), cursor)

    @operation(
        DRAFT_DETAIL,
        status=201,
        tag="drafts",
        name="drafts_create",
        summary="Make a draft",
        body=NewDraftSerializer,
        words="Code needs the permission strategies.upload_code.",
    )
    def post(self, request: Request) -> Response:
        """Store a draft of something new, or of an existing strategy."""
        wanted = self.checked(NewDraftSerializer(data=request.data))
        of = wanted.pop("of", None)
        before = None
        if of is not None and (before := strategy_by_id(of)) is None:
            raise serializers.ValidationError(
                {"of": [StrategyMissingError.strategy(of).message]}
            )
        draft = _saved(request, wanted, before, of=of)
        self.versioned(draft)
        return Response(draft_detail_shape(draft), status=HTTPStatus.CREATED)


class DraftView(ApiView):
    """``/api/v1/strategies/drafts/{id}/``."""

    permission_classes = [CanWrite]
    permission = CHANGE

    @operation(
        DRAFT_DETAIL,
        tag="drafts",
        name="drafts_get",
        summary="Get a draft",
        item=DRAFT_DETAIL,
    )
    def get(self, request: Request, pk: int) -> Response:
        """Return a draft, how its trial went, and what keeps it from being published."""
        draft = _draft(pk)
        self.versioned(draft)
        return Response(draft_detail_shape(draft))

    @operation(
        DRAFT_DETAIL,
        tag="drafts",
        name="drafts_update",
        summary="Change a draft",
        body=DraftSerializer,
        matches=True,
        words="Other code needs the permission strategies.upload_code.",
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Replace the members that are given; each is replaced as a whole."""
        wanted = self.checked(DraftSerializer(data=request.data, partial=True))
        with transaction.atomic():
            try:
                match_require(request, draft_locked(pk))
            except StrategyMissingError as error:
                raise NotFound(error.message) from error
            draft = _saved(request, wanted, _draft(pk), draft_id=pk)
        self.versioned(draft)
        return Response(draft_detail_shape(draft))

    @operation(
        None, status=204, tag="drafts", name="drafts_delete", summary="Discard a draft"
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Discard a draft."""
        try:
            draft_delete(pk, by=_person(request))
        except StrategyMissingError as error:
            raise NotFound(error.message) from error
        return Response(status=HTTPStatus.NO_CONTENT)


class PublishView(ApiView):
    """``/api/v1/strategies/drafts/{id}/publish/``."""

    permission_classes = [CanWrite]
    permission = CHANGE

    @operation(
        PUBLISHED,
        tag="drafts",
        name="drafts_publish",
        summary="Publish a draft",
        also={202: PUBLISHED},
        words="202 says that the trial was asked for: get the draft again until it is"
        " gone (published) or its trial says why it failed.",
    )
    def post(self, request: Request, pk: int) -> Response:
        """Publish a draft, where its code is new after it was loaded once on trial."""
        draft = _draft(pk)
        parent = draft.parent_strategy if is_edit(draft) else None
        try:
            # It may be older than the check, or begun with what its strategy has.
            settings_check(draft.config, draft.freqtrade_config)
            if trial_needed(draft, parent):
                draft_trial_ask(pk)
                body = {"state": "trial", "strategy": None, "version": None}
                return Response(body, status=HTTPStatus.ACCEPTED)
            strategy = draft_publish(pk)
        except StrategyMissingError as error:
            raise NotFound(error.message) from error
        except (ConfigurationError, RefusedError) as error:
            raise Conflict(error.message) from error
        return Response(
            {
                "state": "published",
                "strategy": strategy.pk,
                "version": strategy.version,
            }
        )


def draft_shape(draft: Strategy) -> dict[str, Any]:
    """Return a row of the list."""
    saved_by = draft.config.get("saved_by")
    return {
        "id": draft.pk,
        "name": draft.name,
        "description": draft.description or "",
        "type": draft.type,
        "of": draft.parent_strategy_id if is_edit(draft) else None,
        "saved_by": saved_by.get("username") if isinstance(saved_by, dict) else None,
        "expires_at": moment_text(draft.draft_expires_at),
        "updated_at": moment_text(draft.updated_at),
        "trial": draft.health_metrics.get("trial") or None,
    }


def draft_detail_shape(draft: Strategy) -> dict[str, Any]:
    """Return a draft with all that it would run."""
    return draft_shape(draft) | {
        "config": config_run(draft.config),
        "freqtrade_config": without_secrets(draft.freqtrade_config),
        "signal_thresholds": draft.signal_thresholds,
        "problems": [*draft_check(draft), *_settings_problems(draft)],
    }


def _saved(
    request: Request,
    wanted: dict[str, Any],
    before: Strategy | None,
    *,
    of: int | None = None,
    draft_id: int | None = None,
) -> Strategy:
    """Store what is wanted over what was before; new code needs a permission."""
    values: dict[str, Any] = {
        "name": before.name if before else "",
        "description": (before.description or "") if before else "",
        "type": before.type if before else Strategy.Type.SIGNAL_MONITOR,
        "config": config_run(before.config) if before else {},
        "freqtrade_config": before.freqtrade_config if before else {},
        "signal_thresholds": before.signal_thresholds if before else {},
    }
    code = values["config"].get("code", "")
    values |= wanted
    if wanted.keys() & {"config", "freqtrade_config"}:
        _settings_or_refused(values["config"], values["freqtrade_config"])
    is_new = values["config"].get("code", "") != code
    user = _person(request)
    if is_new and not (user and user.has_perm(UPLOAD_CODE)):
        raise PermissionDenied(_("Bringing code needs the permission to upload code."))
    with transaction.atomic():
        draft = draft_save(draft_id=draft_id, of=of, by=user, **values)
        if is_new and user:
            code_recorded(draft, user, ORIGIN)
    return draft


def _settings_or_refused(
    config: dict[str, Any], freqtrade_config: dict[str, Any]
) -> None:
    """Refuse what the page refuses, before a key is stored where people read it."""
    try:
        settings_check(config, freqtrade_config)
    except ConfigurationError as error:
        raise serializers.ValidationError(
            {"freqtrade_config": [error.message]}
        ) from error


def _settings_problems(draft: Strategy) -> list[str]:
    try:
        settings_check(draft.config, draft.freqtrade_config)
    except ConfigurationError as error:
        return [error.message]
    return []


def _draft(pk: int) -> Strategy:
    draft = draft_by_id(pk)
    if draft is None:
        raise NotFound(StrategyMissingError.draft(pk).message)
    return draft


def _person(request: Request) -> User | None:
    return request.user if isinstance(request.user, User) else None
