"""The demo's last page: what was sent, held and delivered, and whether every promise was kept."""

from collections.abc import Sequence

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from waypost.demo.receiver import Receiver
from waypost.demo.story import Account, Story
from waypost.demo.verdict import Got, Verdict


def show(console: Console, story: Story) -> None:
    """Print the table and the verdict below it."""
    verdict = story.verdict
    console.print()
    console.print(
        Group(_receivers(story, verdict), Text(), _facts(story.account), Text(), sentence(story.account, verdict))
    )


def sentence(account: Account, verdict: Verdict) -> Text:
    """The verdict in a sentence."""
    if verdict.holds:
        count = len(account.sent)
        return Text(
            f"All {count} messages arrived: none lost, none repeated, none out of order.", style="bold green"
        )
    counts = {
        "lost": verdict.lost,
        "repeated": verdict.repeated,
        "out of order": verdict.disordered,
        "altered": verdict.altered,
        "never sent": verdict.unknown,
    }
    words = ", ".join(f"{len(found)} {word}" for word, found in counts.items() if found)
    return Text(f"A promise was broken: {words}.", style="bold red")


def _receivers(story: Story, verdict: Verdict) -> Table:
    table = Table(title="What the receivers got", title_justify="left", title_style="bold")
    table.add_column("receiver")
    for heading in ("delivered", "first seq", "last seq", "in order", "repeated", "refused"):
        table.add_column(heading, justify="right")
    for receiver in (story.first, story.second):
        table.add_row(*_row(receiver, verdict))
    return table


def _row(receiver: Receiver, verdict: Verdict) -> Sequence[str]:
    mine = {message.log_id for message in receiver.got}
    return (
        f"{receiver.name}  {receiver.url}",
        str(len(receiver.got)),
        *_range(receiver.got),
        "no" if mine & set(verdict.disordered) else "yes",
        str(len(mine & set(verdict.repeated))),
        str(receiver.refused),
    )


def _range(got: Sequence[Got]) -> tuple[str, str]:
    return (str(got[0].sequence), str(got[-1].sequence)) if got else ("–", "–")


def _facts(account: Account) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in (
        ("sent and accepted", str(len(account.sent))),
        ("held at most", f"{account.held.depth}, because: {account.held.reason}"),
        ("from PATCH to drained", f"{account.drain_seconds:.2f} s"),
    ):
        table.add_row(name, Text(value))
    return table
