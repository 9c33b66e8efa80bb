import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ridehail.settings")

from django.core.asgi import get_asgi_application  # noqa: E402

django_asgi = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402

from dispatch.consumers import DriverConsumer, RiderConsumer  # noqa: E402

# Without AuthMiddlewareStack: who it is stands in the query, which is in this peer's favour (a session costs a look-up on connecting).
application = ProtocolTypeRouter(
    {
        "http": django_asgi,
        "websocket": URLRouter(
            [
                re_path(r"^ws/driver/$", DriverConsumer.as_asgi()),
                re_path(r"^ws/rider/$", RiderConsumer.as_asgi()),
            ]
        ),
    }
)
