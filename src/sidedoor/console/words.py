"""The console's words, in English and Japanese. What AWS has a term for keeps it: states and ids are those of the API."""

from __future__ import annotations

from collections.abc import Mapping

from sidedoor.notifications.texts import Language

_WORDS: Mapping[str, tuple[str, str]] = {
    # Titles
    "sign in": ("Sign in", "サインイン"),
    "services": ("Endpoint services", "エンドポイントサービス"),
    "service": ("Endpoint service", "エンドポイントサービス"),
    "connection": ("Endpoint connection", "エンドポイント接続"),
    "endpoints": ("Endpoints", "エンドポイント"),
    "endpoint": ("Endpoint", "エンドポイント"),
    "events": ("Events", "イベント"),
    "mails": ("Mail", "メール"),
    "mail": ("Mail", "メール"),
    "missing": ("Not found", "見つかりません"),
    "failed": ("That did not work", "処理できませんでした"),
    # Signing in
    "access key": ("Access key ID", "アクセスキー ID"),
    "secret": ("Secret access key", "シークレットアクセスキー"),
    "session token": ("Session token (temporary keys only)", "セッショントークン (一時的なキーのみ)"),
    "region": ("Region", "リージョン"),
    "sign out": ("Sign out", "サインアウト"),
    "refused": (
        "This access key and secret do not belong together, or the key is not active.",
        "アクセスキーとシークレットが一致しないか、キーが無効です。",
    ),
    "ended": ("Please sign in.", "サインインしてください。"),
    # Columns and facts
    "id": ("ID", "ID"),
    "name": ("Name", "名前"),
    "state": ("State", "状態"),
    "owner": ("Owner", "所有者"),
    "created": ("Created", "作成日時"),
    "acceptance": ("Acceptance required", "承諾が必要"),
    "zones": ("Availability Zones", "アベイラビリティーゾーン"),
    "balancers": ("Network Load Balancers", "Network Load Balancer"),
    "private name": ("Private DNS name", "プライベート DNS 名"),
    "dns": ("DNS names", "DNS 名"),
    "vpc": ("VPC", "VPC"),
    "subnets": ("Subnets", "サブネット"),
    "groups": ("Security groups", "セキュリティグループ"),
    "time": ("Time (UTC)", "日時 (UTC)"),
    "event": ("Event", "イベント"),
    "who": ("By", "実行者"),
    "change": ("Change", "変化"),
    "to": ("To", "宛先"),
    "from": ("From", "送信元"),
    "subject": ("Subject", "件名"),
    "yes": ("Yes", "はい"),
    "no": ("No", "いいえ"),
    # Actions
    "accept": ("Accept", "承諾する"),
    "reject": ("Reject", "拒否する"),
    "accepted": ("Accepted.", "承諾しました。"),
    "rejected": ("Rejected.", "拒否しました。"),
    "nothing chosen": ("Choose one or more connections first.", "接続を 1 つ以上選択してください。"),
    "next": ("Next page", "次のページ"),
    # Sentences
    "no services": ("There is no endpoint service here.", "エンドポイントサービスはありません。"),
    "no connections": ("No endpoint is connected.", "接続されたエンドポイントはありません。"),
    "no endpoints": ("There is no endpoint here.", "エンドポイントはありません。"),
    "no events": ("Nothing has happened yet.", "イベントはまだありません。"),
    "no mails": ("There is no mail.", "メールはありません。"),
    "sent": (
        "Mail goes to subscribers through an SMTP server; none is kept here.",
        "メールは SMTP サーバーから送信され、ここには保存されません。",
    ),
    "not here": (
        "This account has no such thing in this region. It may be another account's, or in another region.",
        "このアカウントのこのリージョンにはありません。別のアカウントまたはリージョンにある可能性があります。",
    ),
}


def words(language: Language) -> dict[str, str]:
    """All of them in one language."""
    return {name: texts[language == "ja"] for name, texts in _WORDS.items()}
