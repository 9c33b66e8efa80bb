import asyncio
import uuid
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from . import store
from .store import Counters


def account_of(scope):
    return parse_qs(scope["query_string"].decode()).get("id", [None])[0]


class DriverConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self):
        self.driver_id = account_of(self.scope)
        # Offered to this driver: the ride, and the group that its rider is in.
        self.offers = {}
        if not self.driver_id:
            await self.close()
            return
        self.group = f"driver_{self.driver_id}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        if not self.driver_id:
            return
        await self.channel_layer.group_discard(self.group, self.channel_name)
        await store.remove_driver(self.driver_id)

    async def receive_json(self, content):
        kind = content.get("type")
        if kind == "loc":
            await self.locate(content)
        elif kind == "accept":
            await self.accept_offer(content)
        elif kind == "complete":
            await store.release(self.driver_id)
        elif kind == "stat":
            await self.send_json({"type": "stat", **store.counts()})

    async def locate(self, content):
        Counters.received += 1
        lat, lng = float(content["lat"]), float(content["lng"])
        if not (-85 <= lat <= 85 and -180 <= lng <= 180):
            await self.send_json({"type": "error", "error": "bad location"})
            return
        await store.save_location(self.driver_id, lat, lng)
        Counters.stored += 1

    async def accept_offer(self, content):
        offer = self.offers.pop(content.get("ride"), None)
        if offer is None:
            return
        matched = {"type": "ride.matched", "ride": offer["ride"], "driver": self.driver_id}
        await self.channel_layer.group_send(offer["rider_group"], matched)

    async def ride_offer(self, event):
        self.offers[event["ride"]] = event
        ride = {name: event[name] for name in ("ride", "lat", "lng", "rider")}
        await self.send_json({"type": "offer", **ride})


class RiderConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self):
        self.rider_id = account_of(self.scope) or uuid.uuid4().hex
        self.rides = {}
        self.group = f"rider_{self.rider_id}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        for ride in self.rides.values():
            ride["timer"].cancel()
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content):
        if content.get("type") == "request":
            place = {"lat": float(content["lat"]), "lng": float(content["lng"])}
            await self.offer({"ride": uuid.uuid4().hex, **place, "tried": set(), "timer": None})

    async def offer(self, ride):
        ride_id, lat, lng = ride["ride"], ride["lat"], ride["lng"]
        driver_id = await store.claim_nearest(ride_id, lat, lng, ride["tried"])
        if driver_id is None:
            self.rides.pop(ride_id, None)
            await self.send_json({"type": "no_driver", "ride": ride_id})
            return
        ride["tried"].add(driver_id)
        self.rides[ride_id] = ride
        ride["timer"] = asyncio.get_running_loop().call_later(
            store.OFFER_TTL_S, lambda: asyncio.ensure_future(self.expire(ride, driver_id))
        )
        event = {"ride": ride_id, "lat": lat, "lng": lng}
        event.update(type="ride.offer", rider=self.rider_id, rider_group=self.group)
        await self.channel_layer.group_send(f"driver_{driver_id}", event)

    async def expire(self, ride, driver_id):
        if ride["ride"] in self.rides:
            await store.release(driver_id)
            await self.offer(ride)

    async def ride_matched(self, event):
        ride = self.rides.pop(event["ride"], None)
        if ride is None:
            return
        ride["timer"].cancel()
        Counters.matched += 1
        matched = {"ride": event["ride"], "driver": event["driver"]}
        await self.send_json({"type": "matched", **matched})
