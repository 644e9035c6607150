"""What tests of intensity services share: the services' JSON, the ways in which they fail, and where a token may not be."""

import traceback
from datetime import UTC, datetime, timedelta

from carbonsdk.http import RequestsHttp
from carbonsdk.intensity import denmark, electricitymaps, france, great_britain, watttime
from carbonsdk.plugin import BadAnswer, RateLimited, ServiceUnavailable, Unauthorized, Zone
from carbonsdk.testing import FakeClock, build
from carbonsdk.testing.http import Fault, Reply

TOKEN = "s3cret-t0ken"
PASSWORD = "pa55-w0rd"

FAULTS = {
    "401 without a body": (Reply(b"", 401), Unauthorized),
    "403 in plain text": (Reply("Access denied", 403), Unauthorized),
    "404 with an error": (Reply({"error": 'No recent data for zone "DE"'}, 404), BadAnswer),
    "400 that repeats the headers": (Reply({"error": {"message": f"bad: {TOKEN} {PASSWORD}"}}, 400), BadAnswer),
    "401 that repeats the headers": (Reply({"message": f"no such token {TOKEN} {PASSWORD}"}, 401), Unauthorized),
    "429 with Retry-After": (Reply(b"", 429, {"Retry-After": "7"}), RateLimited),
    "500": (Reply("<html>oops</html>", 500), ServiceUnavailable),
    "an empty body": (Reply(b""), BadAnswer),
    "HTML": (Reply("<!doctype html><title>Sign in</title>"), BadAnswer),
    "null": (Reply(b"null"), BadAnswer),
    "a list": (Reply([1, 2]), BadAnswer),
    "JSON without the key": (Reply({"status": "ok"}), BadAnswer),
    "a redirect": (Reply(b"", 302, {"Location": f"/elsewhere?token={TOKEN}"}), BadAnswer),
    "a trickle": (Reply(b"{", fault=Fault.TRICKLE), ServiceUnavailable),
    "trickled headers": (Fault.TRICKLED_HEADERS, ServiceUnavailable),
    "silence": (Fault.SILENCE, ServiceUnavailable),
    "hanging up": (Fault.HANG_UP, ServiceUnavailable),
}


def hour(text):
    """Return an aware time from `2026-01-05 12:00`, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def fetcher(plugin, options, *, clock=None, total_s=5.0):
    """Make the one fetcher that a plugin registers, with a real HTTP client."""
    (registration,) = plugin.carbonsdk_intensity_fetchers()
    return build(registration, options, clock=clock or FakeClock(), http=RequestsHttp(total_s=total_s))


class Made:
    """A fetcher of each service, at home on loopback, with a zone that it serves."""

    def __init__(self, plugin, zone, **options):
        self.plugin, self.zone, self.options = plugin, zone, options

    def at(self, service, **more):
        return fetcher(self.plugin, {"base_url": service.url, **self.options}, **more)


SERVICES = {
    "electricitymaps": Made(electricitymaps, Zone(key="DE"), token=TOKEN),
    "electricitymaps by place": Made(electricitymaps, Zone(key="DE", latitude=52.5, longitude=13.4), token=TOKEN),
    "great_britain": Made(great_britain, Zone(key="GB")),
    "great_britain by region": Made(great_britain, Zone(key="GB", postcode="RG10")),
    "denmark": Made(denmark, Zone(key="DK-DK1")),
    "france": Made(france, Zone(key="FR")),
    "watttime": Made(
        watttime, Zone(key="US-CAL-CISO"), username="ann", password=PASSWORD, regions={"US-CAL-CISO": "CAISO_NORTH"}
    ),
}


def slots(start, count, minutes, value):
    """Return (start, end, value(index)) of so many slots."""
    step = timedelta(minutes=minutes)
    return [(start + index * step, start + (index + 1) * step, value(index)) for index in range(count)]


def british(start, count, *, actual=lambda index: 100 + index, forecast=lambda index: 200 + index):
    """Return half hours as NESO writes them."""
    return [
        {
            "from": f"{begin:%Y-%m-%dT%H:%MZ}",
            "to": f"{end:%Y-%m-%dT%H:%MZ}",
            "intensity": {"forecast": forecast(index), "actual": actual(index), "index": "moderate"},
        }
        for begin, end, index in slots(start, count, 30, lambda index: index)
    ]


def danish(start, count, value=lambda index: 75.0 + index, area="DK1"):
    """Return 5-minute values as Energi Data Service writes them."""
    records = [
        {"Minutes5UTC": f"{begin:%Y-%m-%dT%H:%M:%S}", "PriceArea": area, "CO2Emission": grams}
        for begin, _, grams in slots(start, count, 5, value)
    ]
    return {"total": len(records), "limit": 0, "dataset": "CO2Emis", "records": records}


def french(start, count, value=lambda index: 39 + index):
    """Return quarter hours as ODRÉ writes them."""
    return {
        "total_count": count,
        "results": [
            {"perimetre": "France", "date_heure": f"{begin:%Y-%m-%dT%H:%M:%S}+00:00", "taux_co2": grams}
            for begin, _, grams in slots(start, count, 15, value)
        ],
    }


def mapped(start, count, value=lambda index: 300 + index, **more):
    """Return hours as Electricity Maps writes them."""
    return [
        {
            "zone": "DE",
            "carbonIntensity": grams,
            "datetime": f"{begin:%Y-%m-%dT%H:%M:%S}.000Z",
            "updatedAt": "1999-12-31T00:00:00.000Z",
            "emissionFactorType": "lifecycle",
            "isEstimated": False,
            "estimationMethod": None,
            **more,
        }
        for begin, _, grams in slots(start, count, 60, value)
    ]


def marginal(start, count, value=lambda index: 1000.0 + index, **meta):
    """Return 5-minute values as WattTime writes them."""
    meta = {"region": "CAISO_NORTH", "signal_type": "co2_moer", "units": "lbs_co2_per_mwh", **meta}
    data = [
        {"point_time": f"{begin:%Y-%m-%dT%H:%M:%S}+00:00", "value": pounds}
        for begin, _, pounds in slots(start, count, 5, value)
    ]
    return {"data": data, "meta": {"data_point_period_seconds": 300, **meta}}


def grams(values):
    """Return the figures of values, rounded to what JSON had."""
    return [round(value.grams_per_kwh, 6) for value in values]


def tells(error, secret):
    """Say whether an error, or anything that it came from, tells a secret."""
    told = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    chain = [error]
    while chain[-1].__cause__ or chain[-1].__context__:
        chain.append(chain[-1].__cause__ or chain[-1].__context__)
    told += "".join(repr(each.args) for each in chain)
    return secret in told
