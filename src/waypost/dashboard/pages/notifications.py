"""Who is told of held queues, and what was told: the channels, a test, and the newest notices."""

from typing import Any

from starlette.responses import Response

from waypost.dashboard.html import forms
from waypost.dashboard.html.forms import Form, FormState
from waypost.dashboard.navigation.addresses import HOME
from waypost.dashboard.visits.routes import get, post
from waypost.dashboard.visits.visit import Visit
from waypost.errors import Conflict, Invalid
from waypost.notifications import model, outbox
from waypost.notifications.model import Security
from waypost.notifications.notice import NoticeKind, sentence

PATH = "/environments/{environment_id}/notifications"
MOST_NOTICES = 50
_WEBHOOK = (forms.text("webhook/url"), forms.secret("webhook/secret"))
_SMTP = (
    forms.text("smtp/host"),
    forms.integer("smtp/port"),
    forms.text("smtp/security"),
    forms.optional("smtp/username"),
    forms.secret("smtp/password"),
    forms.optional("smtp/caCertificate"),
    forms.text("smtp/from"),
    forms.lines("smtp/to"),
)


async def show(visit: Visit) -> Response:
    """The channels, and what went over them."""
    return await _shown(visit, FormState())


async def update(visit: Visit) -> Response:
    """Set the channels; a channel that is not ticked is taken away."""
    try:
        await visit.services.notifications.put(visit.caller, visit.path("environment_id"), body(visit.form))
    except Invalid as error:
        form = forms.refused(visit.form, error, "webhook/secret", "smtp/password")
        return await _shown(visit, form, status=400)
    return visit.redirect(_url(visit), "Saved. Send a test to see that it arrives.")


async def test(visit: Visit) -> Response:
    """Send a test by every channel, and say for each whether it arrived."""
    try:
        found = await visit.services.notifications.test(visit.caller, visit.path("environment_id"))
    except Conflict as error:
        return visit.redirect(_url(visit), error.detail, kind="warning")
    said = [f"{channel.value}: {reason or 'sent'}" for channel, reason in found.items()]
    failed = any(reason is not None for reason in found.values())
    return visit.redirect(_url(visit), "Test by " + "; ".join(said), kind="warning" if failed else "done")


def body(form: Form) -> dict[str, Any]:
    """The form as the whole of the settings."""
    made = forms.body(form, forms.integer("heldAfterSeconds"))
    webhook, smtp = forms.body(form, *_WEBHOOK).get("webhook", {}), forms.body(form, *_SMTP).get("smtp", {})
    if "clearSecret" in form:
        webhook["secret"] = None
    if "username" not in smtp and "password" not in smtp:
        smtp["password"] = None
    return made | {
        "webhook": webhook if "byWebhook" in form else None,
        "smtp": smtp if "byMail" in form else None,
    }


async def _shown(visit: Visit, form: FormState, *, status: int = 200) -> Response:
    environment_id = visit.path("environment_id")
    settings, environment = await visit.services.notifications.get(visit.caller, environment_id)
    notices = await visit.services.notifications.notices(visit.caller, environment_id, MOST_NOTICES)
    return await visit.page(
        "notifications.html",
        at=environment_id,
        settings=model.shown(settings, environment.flag.value),
        securities=[each.value for each in Security],
        notices=[_notice(row, deliveries) for row, deliveries in notices],
        form=form,
        status=status,
    )


def _notice(row: Any, deliveries: Any) -> dict[str, Any]:
    return {
        "happened_at": row.happened_at,
        "words": sentence(NoticeKind(row.kind), outbox.data_of(row)),
        "lasts": row.open_key is not None,
        "queue_id": row.queue_id,
        "deliveries": deliveries,
    }


def _url(visit: Visit) -> str:
    return HOME + PATH.format(environment_id=visit.path("environment_id"))


PAGES = [get(PATH, show), post(PATH, update), post(f"{PATH}/test", test)]
