"""What people read: mails in English and Japanese, and the pages behind their links. Rendered from ``templates``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sidedoor.rendering import templates

Language = Literal["en", "ja"]


PACKAGE = "sidedoor.notifications"


def text(name: str, **values: object) -> str:
    """The text of the template ``<name>.txt.j2``."""
    return templates(PACKAGE).get_template(f"{name}.txt.j2").render(values)


_PAGES: Mapping[str, Mapping[Language, tuple[str, str]]] = {
    "confirmed": {
        "en": ("Subscription confirmed", "Notifications of this topic will be sent to you."),
        "ja": ("登録が確認されました", "このトピックの通知が送信されます。"),
    },
    "unconfirmed": {
        "en": ("This link is not valid", "It may have run out: ask for the subscription again."),
        "ja": ("このリンクは無効です", "有効期限が切れている可能性があります。もう一度登録してください。"),
    },
    "leave": {
        "en": ("Stop these notifications?", "Notifications of this subscription will no longer be sent to you."),
        "ja": ("通知を停止しますか?", "この登録の通知は送信されなくなります。"),
    },
    "left": {
        "en": ("Subscription ended", "Notifications are no longer sent to you."),
        "ja": ("登録が解除されました", "通知は送信されなくなりました。"),
    },
    "forbidden": {
        "en": ("This link cannot end the subscription", "Its owner alone can: it was confirmed so."),
        "ja": ("このリンクでは登録を解除できません", "この登録は所有者だけが解除できます。"),
    },
}

_BUTTON: Mapping[Language, str] = {"en": "Stop", "ja": "停止する"}


def page(name: str, language: Language, *, subject: str = "", action: str = "") -> str:
    """A page, an HTML document. ``subject``: what it is about. ``action``: where its button leads, if it has one."""
    title, sentence = _PAGES[name][language]
    template = templates(PACKAGE).get_template("page.html.j2")
    return template.render(
        language=language, title=title, text=sentence, subject=subject, action=action, button=_BUTTON[language]
    )  # fmt: skip


def preferred(accept_language: str) -> Language:
    """The language of an ``Accept-Language`` header: whichever of ours it names first, else English."""
    for part in accept_language.lower().split(","):
        tag = part.partition(";")[0].strip()
        if tag.startswith("ja"):
            return "ja"
        if tag.startswith("en"):
            return "en"
    return "en"
