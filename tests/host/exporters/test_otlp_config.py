"""Where OTLP goes: the environment's variables, the arguments over them, and the resource."""

from __future__ import annotations

import os

import pytest

from bext_host.exporters.otlp.config import otlp_config
from bext_host.exporters.otlp.exporter import OtlpSpanExporter
from bext_host.exporters.resource import resource_attributes

GENERAL = "OTEL_EXPORTER_OTLP_"
TRACES = "OTEL_EXPORTER_OTLP_TRACES_"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "http://localhost:4318/v1/traces"),
        ({GENERAL + "ENDPOINT": ""}, "http://localhost:4318/v1/traces"),
        ({GENERAL + "ENDPOINT": "http://a:1"}, "http://a:1/v1/traces"),
        ({GENERAL + "ENDPOINT": "https://a/base/"}, "https://a/base/v1/traces"),
        ({TRACES + "ENDPOINT": "http://b:2/x"}, "http://b:2/x"),
        ({GENERAL + "ENDPOINT": "http://a:1", TRACES + "ENDPOINT": "http://b:2"}, "http://b:2"),
    ],
)
def test_the_endpoint(monkeypatch, variables, url):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert otlp_config().endpoint == url
    assert otlp_config(endpoint="http://c/y").endpoint == "http://c/y"


def test_the_others(monkeypatch):
    monkeypatch.setenv(GENERAL + "HEADERS", "Api-Key=a%20b%3D, x = 1 ,")
    monkeypatch.setenv(GENERAL + "TIMEOUT", "2500")
    monkeypatch.setenv(TRACES + "COMPRESSION", "gzip")
    config = otlp_config()
    assert (config.headers, config.timeout_seconds, config.compression) == ({"api-key": "a b=", "x": "1"}, 2.5, "gzip")
    config = otlp_config(headers={"X": "2"}, timeout_seconds=1.0, compression="none")
    assert (config.headers, config.timeout_seconds, config.compression) == ({"api-key": "a b=", "x": "2"}, 1.0, "none")


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("ENDPOINT", "localhost:4318", "no http:// or https:// URL"),
        ("HEADERS", "secret", "item 1 is not key=value"),
        ("HEADERS", "a=1,b=%zzsecret", "item 2 has a %"),
        ("HEADERS", "a=%ffsecret", "item 1 is no UTF-8"),
        ("HEADERS", "a=secret%0a", "the value of the header 'a'"),
        ("TIMEOUT", "10s", "milliseconds above 0"),
        ("TIMEOUT", "0", "milliseconds above 0"),
        ("TIMEOUT", "9" * 5000, "milliseconds above 0"),
        ("COMPRESSION", "zstd", "gzip or none"),
        ("CERTIFICATE", "/nowhere.pem", "a PEM file that can be read"),
    ],
)
@pytest.mark.parametrize("prefix", [GENERAL, TRACES])
def test_a_wrong_value_names_its_variable(monkeypatch, prefix, setting, value, words):
    monkeypatch.setenv(prefix + setting, value)
    with pytest.raises(ValueError, match=f"{prefix}{setting}.*{words}") as caught:
        OtlpSpanExporter()
    assert "secret" not in str(caught.value)


def test_a_headers_value_is_in_no_repr():
    assert "s3cret" not in repr(otlp_config(headers={"authorization": "Bearer s3cret"}))


def test_the_resource_has_a_name_whatever_happens():
    found = resource_attributes()
    assert str(found["service.name"]).startswith("unknown_service:python")
    assert (found["telemetry.sdk.name"], found["telemetry.sdk.language"]) == ("bext-tracer", "python")
    assert found["telemetry.sdk.version"]


def test_the_resource_of_the_environment_and_of_the_arguments(monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=low,host.name=a%2Cb,zone=%C3%A9")
    found = resource_attributes()
    assert (found["service.name"], found["host.name"], found["zone"]) == ("low", "a,b", "\u00e9")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "middle")
    assert resource_attributes()["service.name"] == "middle"
    assert resource_attributes(attributes={"service.name": "high", "n": 1})["service.name"] == "high"
    assert resource_attributes("highest", {"service.name": "high"})["service.name"] == "highest"


def test_a_malformed_list_is_discarded_whole(monkeypatch, caplog):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "good=1,bad")
    assert "good" not in resource_attributes()
    assert "OTEL_RESOURCE_ATTRIBUTES is discarded: item 2 is not key=value" in caplog.text
