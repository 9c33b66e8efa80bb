import os

from django.http import JsonResponse

from . import store


async def healthz(request):
    return JsonResponse({"ok": True})


async def stats(request):
    return JsonResponse({**store.counts(), "pid": os.getpid()})


async def nearby(request):
    try:
        lat = float(request.GET["lat"])
        lng = float(request.GET["lng"])
        radius_m = float(request.GET.get("radius", 3000))
    except (KeyError, ValueError):
        return JsonResponse({"error": "lat, lng, radius"}, status=400)
    rows = await store.nearby(lat, lng, radius_m)
    drivers = [
        {"id": driver_id, "dist": dist, "lat": at[1], "lng": at[0]}
        for driver_id, dist, at in rows
    ]
    return JsonResponse({"drivers": drivers})
