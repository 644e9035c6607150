"""Where am I: cloud metadata, time zone and locale, IP address."""

import csv
import time

import pytest

from carbonsdk.http import OfflineHttp, RequestsHttp
from carbonsdk.intensity import locators
from carbonsdk.intensity.locators import CloudSettings, IpSettings, TimezoneSettings
from carbonsdk.intensity.locators.cloud import _ZONES, CloudLocator, cloud_zone
from carbonsdk.intensity.locators.ip import IpLocator
from carbonsdk.intensity.locators.timezone import TimezoneLocator
from carbonsdk.plugin import BadAnswer, Offline, ServiceUnavailable, SettingsError
from carbonsdk.testing import check_locator
from carbonsdk.testing.http import Fault, LoopbackService, Reply

AWS_TOKEN = "/latest/api/token"
AWS_DOCUMENT = "/latest/dynamic/instance-identity/document"
GCP = "/computeMetadata/v1/instance/zone"
AZURE = "/metadata/instance/compute"


@pytest.fixture
def service():
    with LoopbackService() as running:
        yield running


@pytest.fixture
def cloud(service):
    settings = CloudSettings(aws_url=service.url, gcp_url=service.url, azure_url=service.url, deadline_s=2)
    return CloudLocator(settings, RequestsHttp())


def found(zone):
    return (zone.key, zone.cloud_provider, zone.cloud_region, zone.guess)


def test_every_locator_keeps_its_promises(service, cloud):
    service.on(GCP, "projects/1/zones/europe-west4-a")
    service.on("/geo", {"country_code": "NL"})
    check_locator(lambda: cloud)
    check_locator(lambda: IpLocator(IpSettings(url=f"{service.url}/geo"), RequestsHttp()))
    check_locator(lambda: TimezoneLocator(TimezoneSettings(timezone="Europe/Amsterdam")))


def test_aws_is_asked_with_a_session_token(service, cloud):
    service.on(AWS_TOKEN, "a-session-token")
    service.on(AWS_DOCUMENT, {"region": "eu-north-1", "instanceId": "i-0123", "accountId": "42"})
    assert found(cloud.locate()) == ("SE-SE3", "aws", "eu-north-1", False)
    put, get = service.asked
    assert (put.method, put.headers["x-aws-ec2-metadata-token-ttl-seconds"]) == ("PUT", "60")
    assert (get.method, get.headers["x-aws-ec2-metadata-token"]) == ("GET", "a-session-token")


def test_google_cloud_is_known_by_its_zone(service, cloud):
    service.on(GCP, "projects/123456/zones/northamerica-northeast1-b")
    assert found(cloud.locate()) == ("CA-QC", "gcp", "northamerica-northeast1", False)
    assert service.asked[-1].headers["metadata-flavor"] == "Google"


def test_azure_is_known_by_its_location(service, cloud):
    service.on(AZURE, {"azEnvironment": "AzurePublicCloud", "location": "westeurope", "name": "vm"})
    assert found(cloud.locate()) == ("NL", "azure", "westeurope", False)
    assert service.asked[-1].headers["metadata"] == "true"
    assert service.asked[-1].params == {"api-version": "2021-02-01"}


def test_a_region_of_unknown_grid_keeps_its_name(service, cloud):
    service.on(AZURE, {"azEnvironment": "AzurePublicCloud", "location": "marscentral"})
    assert found(cloud.locate()) == ("WORLD", "azure", "marscentral", False)


@pytest.mark.parametrize(
    "answers",
    [
        {AWS_TOKEN: "t", AWS_DOCUMENT: {"region": "eu-north-1", "instanceId": "router"}},
        {AWS_TOKEN: "t", AWS_DOCUMENT: {"region": "<script>", "instanceId": "i-1"}},
        {AWS_TOKEN: "t", AWS_DOCUMENT: ["eu-north-1"]},
        {GCP: "<html>Sign in to the hotel network</html>"},
        {GCP: "europe-west1-b"},
        {AZURE: {"location": "westeurope"}},
        {AZURE: {"azEnvironment": "AzurePublicCloud", "location": None}},
        {AWS_TOKEN: Reply(b"", 302, {"Location": "/elsewhere"}), GCP: Reply("no", 403), AZURE: Fault.HANG_UP},
    ],
)
def test_an_answer_that_is_not_the_providers_own_is_not_believed(service, cloud, answers):
    for path, answer in answers.items():
        service.on(path, answer)
    assert cloud.locate() is None


def test_metadata_services_that_never_answer_cost_their_deadlines_and_no_more(service):
    for path in (AWS_TOKEN, GCP, AZURE):
        service.on(path, Fault.SILENCE)
    settings = CloudSettings(aws_url=service.url, gcp_url=service.url, azure_url=service.url, deadline_s=0.05)
    began = time.monotonic()
    assert CloudLocator(settings, RequestsHttp()).locate() is None
    assert time.monotonic() - began < 2


def test_the_clouds_are_not_asked_offline():
    assert CloudLocator(CloudSettings(), OfflineHttp()).locate() is None


def test_a_session_token_may_go_to_the_link_local_address_alone():
    assert CloudSettings().aws_url == "http://169.254.169.254"
    assert CloudSettings().deadline_s == 0.2


def test_each_region_of_the_table_has_one_zone_with_a_country():
    with _ZONES.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len({(row["provider"], row["region"]) for row in rows}) == len(rows)
    assert all(cloud_zone(row["provider"], row["region"]).country for row in rows)


def at(timezone="", locale="C", etc="/nowhere"):
    zone = TimezoneLocator(TimezoneSettings(timezone=timezone, locale=locale, etc=str(etc))).locate()
    return None if zone is None else (zone.key, zone.found_by, zone.guess)


@pytest.mark.parametrize(
    ("timezone", "country"),
    [("Europe/Copenhagen", "DK"), ("Europe/Oslo", "NO"), ("Asia/Calcutta", "IN"), ("US/Pacific", "US"), ("Iceland", "IS")],
)
def test_a_time_zone_tells_the_country_as_a_guess(timezone, country):
    assert at(timezone) == (country, f"time zone {timezone}", True)


@pytest.mark.parametrize("timezone", ["UTC", "Etc/UTC", "Etc/GMT+5", "CET", "Mars/Olympus", ""])
def test_a_time_zone_without_a_country_tells_nothing(timezone):
    assert at(timezone) is None


def test_the_machines_link_names_its_time_zone(tmp_path):
    (tmp_path / "localtime").symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    assert at(etc=tmp_path)[0] == "DE"


def test_a_link_into_the_posix_branch_is_read(tmp_path):
    (tmp_path / "localtime").symlink_to("../usr/share/zoneinfo/posix/America/Argentina/Buenos_Aires")
    assert at(etc=tmp_path)[0] == "AR"


def test_a_copy_of_the_rules_leaves_the_name_to_the_other_file(tmp_path):
    (tmp_path / "localtime").write_bytes(b"TZif2")
    (tmp_path / "timezone").write_text("Asia/Tokyo\n", encoding="utf-8")
    assert at(etc=tmp_path)[0] == "JP"


def test_the_locale_decides_where_the_clock_is_on_utc():
    assert at("Etc/UTC", "pt_BR.UTF-8") == ("BR", "locale pt_BR", True)


def test_the_time_zone_goes_before_the_locale():
    assert at("Europe/Paris", "pt_BR")[0] == "FR"


@pytest.mark.parametrize("locale", ["en_US", "en_US.UTF-8", "C", "C.UTF-8", "POSIX", "eo", "es_419"])
def test_a_locale_that_nobody_chose_tells_nothing(locale):
    assert at("UTC", locale) is None


def test_the_ip_address_gives_country_and_coordinates(service):
    service.on("/geo", {"country_code": "dk", "country": "Denmark", "latitude": "55.67", "longitude": 12.57})
    zone = IpLocator(IpSettings(url=f"{service.url}/geo"), RequestsHttp()).locate()
    assert (zone.key, zone.latitude, zone.longitude, zone.found_by) == ("DK", 55.67, 12.57, "IP address")


@pytest.mark.parametrize("answer", [{}, {"country": "Denmark"}, {"country_code": None}, [], {"country_code": "1A"}])
def test_an_ip_service_that_names_no_country_is_no_answer(service, answer):
    service.on("/geo", answer)
    with pytest.raises(BadAnswer, match="no country"):
        IpLocator(IpSettings(url=f"{service.url}/geo"), RequestsHttp()).locate()


def test_absurd_coordinates_are_left_out(service):
    service.on("/geo", {"country_code": "DK", "latitude": 555, "longitude": "east"})
    zone = IpLocator(IpSettings(url=f"{service.url}/geo"), RequestsHttp()).locate()
    assert (zone.latitude, zone.longitude) == (None, None)


def test_a_failing_ip_service_is_told_as_such(service):
    service.on("/geo", Reply("", 503))
    with pytest.raises(ServiceUnavailable):
        IpLocator(IpSettings(url=f"{service.url}/geo"), RequestsHttp()).locate()


def test_the_ip_address_is_not_looked_up_offline():
    with pytest.raises(Offline):
        IpLocator(IpSettings(), OfflineHttp()).locate()


def test_the_ip_address_is_looked_up_over_https_alone():
    with pytest.raises(SettingsError, match="https"):
        IpLocator(IpSettings(url="http://geo.example/"), OfflineHttp())
    assert IpSettings().url.startswith("https://")


def test_the_hook_registers_three_ways_and_the_ip_address_only_by_name():
    ways = {each.name: each for each in locators.carbonsdk_locators()}
    assert set(ways) == {"cloud", "timezone", "ip"}
    assert [ways[name].automatic for name in ("cloud", "timezone", "ip")] == [True, True, False]
    assert ways["cloud"].preference > ways["timezone"].preference
