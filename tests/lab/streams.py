"""Event streams as a test reads them: every line kept with the time it came, and waiting by condition."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from stream_schema import fault

Event = dict[str, Any]


class StreamError(AssertionError):
    """What a test waited for did not come."""


def lines_until_closed(pipe: BinaryIO) -> Iterator[bytes]:
    """Whoever closes the pipe may do so in the middle of a read."""
    with contextlib.suppress(ValueError):
        yield from pipe


class EventStream:
    """Reads JSON lines from a pipe in a thread. `received` is the machine's monotonic clock in seconds, the same for all
    streams of a test, whatever clock the agent stamps with."""

    def __init__(self, name: str, pipe: BinaryIO) -> None:
        self.name = name
        self.on_event: Callable[[Event], None] | None = None  # called for each line, by the thread that reads
        self.limit_s = 30.0  # how long wait() waits unless told
        self.events: list[tuple[float, Event]] = []
        self._fault: str | None = None  # what the schema says against the first line that is not valid
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe: BinaryIO) -> None:
        for line in lines_until_closed(pipe):
            received = time.monotonic()
            event = json.loads(line)
            wrong = fault(event)
            with self._changed:
                self.events.append((received, event))
                if wrong and not self._fault:
                    self._fault = f"{self.name} stream: {wrong}: {json.dumps(event)}"
                self._changed.notify_all()
            if self.on_event:
                self.on_event(event)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def mark(self) -> int:
        """The position after the last line so far, for `since`."""
        with self._changed:
            self._expect_valid()
            return len(self.events)

    def _expect_valid(self) -> None:
        if self._fault:
            raise StreamError(self._fault)

    def since(self, mark: int) -> list[Event]:
        with self._changed:
            self._expect_valid()
            return [event for _, event in self.events[mark:]]

    def wait(self, what: str, condition: Callable[[Event], bool], mark: int = 0, timeout_s: float | None = None) -> tuple[float, Event]:
        """The first event from `mark` on that fulfils the condition, with the time it was received."""
        limit = self.limit_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit
        position = mark
        with self._changed:
            while True:
                self._expect_valid()
                for received, event in self.events[position:]:
                    position += 1
                    if condition(event):
                        return received, event
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    why = "ended" if self._ended else f"had {limit:.0f} s"
                    seen = "\n".join(json.dumps(event) for _, event in self.events[mark:])
                    raise StreamError(f"{self.name} stream {why} without {what}; from there on it said:\n{seen}")
                self._changed.wait(left)

    def wait_event(self, name: str, board_id: str | None = None, mark: int = 0, timeout_s: float | None = None) -> tuple[float, Event]:
        """The first event of that name, about that board if one is given."""

        def is_it(event: Event) -> bool:
            return event["event"] == name and (board_id is None or event["board"]["id"] == board_id)

        return self.wait(f"'{name}'" + (f" for {board_id}" if board_id else ""), is_it, mark, timeout_s)

    def wait_link(self, state: str, mark: int = 0) -> None:
        """The link is told to be up, or down: by an event, or by the snapshot of a stream that began after it."""

        def is_it(event: Event) -> bool:
            return (event["event"] == "link" and event["state"] == state) or (
                event["event"] == "snapshot" and event["link"]["state"] == state
            )

        self.wait(f"a link that is {state}", is_it, mark)
