"""Ids are made by many threads and processes at once, and no two are alike."""

import os
import threading
import uuid

from waypost.ids import new_id

MANY = 2_000


def test_an_id_is_a_uuid_of_version_7() -> None:
    made = uuid.UUID(new_id())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_threads_make_no_id_twice() -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend([new_id() for _ in range(MANY)])) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len({each[14:] for each in made}) == 8 * MANY


def test_a_forked_process_goes_on_with_random_bytes_of_its_own() -> None:
    new_id()
    reading, writing = os.pipe()
    if not (child := os.fork()):
        try:
            os.write(writing, "".join(new_id()[14:] for _ in range(100)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        theirs = pipe.read()
    os.waitpid(child, 0)
    length = len(new_id()[14:])
    ids = {theirs[at : at + length] for at in range(0, len(theirs), length)}
    assert len(ids) == 100
    assert not ids & {new_id()[14:] for _ in range(300)}
