"""How the demo says what it is doing: moving bars on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import progress
from rich.console import Console

Further = Callable[[int], None]


class Steps:
    """Says each step, on a terminal also while it is going on."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, words: str) -> None:
        """A line between the steps."""
        self._console.print(f"  {words}", markup=False, highlight=False, style="dim", soft_wrap=True)

    @contextmanager
    def step(self, words: str) -> Iterator[None]:
        """Something of unknown length."""
        with self._shown(words, None):
            yield

    @contextmanager
    def bar(self, words: str, total: int) -> Iterator[Further]:
        """Something that is counted; gives the function that takes the number reached."""
        with self._shown(words, total) as advance:
            yield advance

    @contextmanager
    def _shown(self, words: str, total: int | None) -> Iterator[Further]:
        columns = [progress.SpinnerColumn(), progress.TextColumn("{task.description}", markup=False)]
        if total is not None:
            columns += [progress.BarColumn(), progress.MofNCompleteColumn()]
        reached = 0
        with progress.Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        ) as shown:
            task = shown.add_task(words, total=total)

            def advance(number: int) -> None:
                nonlocal reached
                reached = number
                shown.update(task, completed=number)

            yield advance
        count = "" if total is None else f": {reached} of {total}"
        self._console.print(f"• {words}{count}", markup=False, highlight=False, soft_wrap=True)
