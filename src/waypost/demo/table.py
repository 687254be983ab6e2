"""The demo's last page: what was sent, held and delivered, and whether every promise was kept."""

from collections.abc import Sequence

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from waypost.demo.story import SENT_FIRST, SENT_WHILE_HELD, Report, Story
from waypost.demo.verdict import Got, Sent, Verdict

HEADINGS = ("sent", "held", "delivered", "sequence", "in order", "repeated", "lost")


def show(console: Console, story: Story) -> None:
    """Print the table and the verdict below it."""
    verdict = story.verdict
    console.print()
    console.print(
        Group(_receivers(story, verdict), Text(), _facts(story), Text(), sentence(story.account, verdict))
    )


def sentence(account: Report, verdict: Verdict) -> Text:
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
    sent, held = story.account.sent, story.account.held.depth
    both = [*story.first.got, *story.second.got]
    table = Table(
        title="What was sent, held and delivered", title_justify="left", title_style="bold",
        box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False,
    )  # fmt: skip
    table.add_column("receiver", no_wrap=True, footer="both")
    for heading, total in zip(HEADINGS, _row(sent, held, both, verdict), strict=True):
        table.add_column(heading, justify="right", footer=total, no_wrap=True)
    table.add_row("first", *_row(sent[:SENT_FIRST], 0, story.first.got, verdict))
    table.add_row("second", *_row(sent[SENT_FIRST:], held, story.second.got, verdict))
    return table


def _row(sent: Sequence[Sent], held: int, got: Sequence[Got], verdict: Verdict) -> tuple[str, ...]:
    """The cells for what was meant for a receiver and what it got."""
    meant, mine = {message.log_id for message in sent}, {message.log_id for message in got}
    return (
        str(len(sent)),
        str(held),
        str(len(got)),
        f"{got[0].sequence}–{got[-1].sequence}" if got else "none",
        "no" if mine & set(verdict.disordered) else "yes",
        str(len(mine & set(verdict.repeated))),
        str(len(meant & set(verdict.lost))),
    )


def _facts(story: Story) -> Table:
    account = story.account
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in (
        ("held because", account.held.reason),
        ("refused by the receivers", f"{story.first.refused} by the first, {story.second.refused} by the second"),
        ("from PATCH to drained", f"{account.drain_seconds:.2f} s for {SENT_WHILE_HELD} messages"),
    ):
        table.add_row(name, Text(value))
    return table
