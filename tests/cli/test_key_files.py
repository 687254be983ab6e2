"""A server with another store's key file does not start, and can be told that the right key is lost for ever."""

import json
import re

from tests.cli.conftest import Copy
from tests.support.receiver import Receiver
from tests.support.waiting import until
from tests.support.waypost import message

ANOTHER = {"current": "kek-another", "keys": {"kek-another": "A" * 43 + "="}}


def test_a_wrong_key_file_is_refused_in_words_and_a_lost_key_harms_nothing_else(copy: Copy) -> None:
    with Receiver() as receiver, copy() as server:
        destination = server.destination(endpoint=receiver.url)
        kept = server.destination(endpoint=receiver.url, verificationToken="t0ken")
        source, client = server.source(), server.client_id()
        server.subscribe(source, destination)
        assert server.stop() == 0

        keys = server.data / "sealing.key"
        needed = json.loads(keys.read_text())["current"]
        keys.write_text(json.dumps(ANOTHER))
        refused = server.cli("serve", "--port", "0", check=False)
        assert (refused.returncode, refused.stderr.count("\n") < 5) == (1, True)
        for words in (str(keys), needed, "WAYPOST_MASTER_KEY_FILE"):
            assert words in refused.stderr
        found = re.search(r"waypost serve (--lost-key) (\S+)", refused.stderr)
        assert found, refused.stderr

        server.start(*found.groups())
        path = f"/platform/v1/destinations/{kept['id']}"
        assert server.call("GET", path, token=server.token(fresh=True)).payload["destination"] == kept
        assert server.send(client, message(destination, source, 1)).status == 200
        until(lambda: len(receiver.requests) == 1)
