"""A peer: Django Channels served by Daphne, one process on uvloop; GEOADD for each ping. Says on which port it listens."""
import json
import os
import select
import signal
import threading

import uvloop

uvloop.install()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ridehail.settings")

# First of all that imports Twisted: it decides on the loop.
from daphne.server import Server  # noqa: E402

from ridehail.asgi import application  # noqa: E402


def end_with_parent():
    """The channel to the Node that started this process closes when that ends."""
    channel = os.environ.get("NODE_CHANNEL_FD")
    if channel is None:
        return

    def wait():
        select.select([int(channel)], [], [])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def announce():
    port = server.listening_addresses[0][1]
    print(json.dumps({"ready": True, "port": port}, separators=(",", ":")), flush=True)


# The settings of Daphne's own command line, but for a longer queue of connections that wait to be taken.
server = Server(
    application,
    endpoints=[f"tcp:port={os.environ.get('PORT', '0')}:interface=127.0.0.1:backlog=4096"],
    verbosity=0,
    ready_callable=announce,
)
end_with_parent()
server.run()
