"""How bodies are read: as JSON that can be answered, logged and stored again."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from btc_watcher.lib.storable import DEEPEST, is_deeper, is_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO


class SoundJSONParser(JSONParser):
    """JSON without halves of characters, and not nested without end.

    Either would be found only when a sentence repeats it, after the work was done.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return what the body holds; ParseError, which is a 400, says what is wrong."""
        body: bytes = stream.read()
        data = super().parse(BytesIO(body), media_type, parser_context)
        # Both are rare, and looked for only where they can be.
        if body.count(b"[") + body.count(b"{") > DEEPEST and is_deeper(data):
            raise ParseError(_("it is nested too deeply"))
        if b"\\u" in body and not is_text(json.dumps(data, ensure_ascii=False)):
            raise ParseError(
                _("it holds half of a character, a surrogate without its partner")
            )
        return data
