"""Where Honeycomb is and who sends: arguments over Honeycomb's variables, no others, and a key that is never shown."""

from __future__ import annotations

import logging
import traceback

import pytest

from bext_host.exporters.honeycomb import HoneycombSettings, HoneycombSpanExporter

KEY = "hcaik_" + "k3y" * 19 + "x"
CLASSIC = "0123456789abcdef" * 2
CLASSIC_INGEST = "hcxic_" + "0a" * 29


@pytest.fixture(autouse=True)
def _only_these_variables(monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith(("OTEL_", "HONEYCOMB_")):
            monkeypatch.delenv(name)


def test_the_environment_says_what_is_not_given(monkeypatch):
    monkeypatch.setenv("HONEYCOMB_API_KEY", f" {CLASSIC} ")
    monkeypatch.setenv("HONEYCOMB_DATASET", "shop")
    monkeypatch.setenv("HONEYCOMB_API_ENDPOINT", "http://refinery:8080/")
    assert HoneycombSettings.of() == HoneycombSettings(CLASSIC, "shop", "http://refinery:8080/v1/traces")
    given = HoneycombSettings.of(api_key=KEY, dataset="", region="eu")
    assert given == HoneycombSettings(KEY, "", "https://api.eu1.honeycomb.io/v1/traces")


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "https://api.honeycomb.io/v1/traces"),
        ({"region": "us"}, "https://api.honeycomb.io/v1/traces"),
        ({"region": "eu"}, "https://api.eu1.honeycomb.io/v1/traces"),
        ({"endpoint": "https://a"}, "https://a/v1/traces"),
        ({"endpoint": "https://a/base/"}, "https://a/base/v1/traces"),
        ({"endpoint": "https://a/v1/traces"}, "https://a/v1/traces"),
    ],
)
def test_the_endpoint(options, url):
    assert HoneycombSettings.of(api_key=KEY, **options).endpoint == url


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_another_receivers_address_is_not_honeycombs(monkeypatch, name):
    monkeypatch.setenv(name, "http://elsewhere:1")
    assert HoneycombSettings.of(api_key=KEY).endpoint == "https://api.honeycomb.io/v1/traces"


@pytest.mark.parametrize("key", [CLASSIC, CLASSIC_INGEST])
def test_a_classic_key_needs_a_dataset_and_names_it(key):
    with pytest.raises(ValueError, match="Honeycomb Classic needs a dataset: give the option, or set HONEYCOMB_DATASET") as refused:
        HoneycombSettings.of(api_key=key)
    assert key not in str(refused.value)
    settings = HoneycombSettings.of(api_key=key, dataset="shop")
    assert settings.headers == {"x-honeycomb-team": key, "x-honeycomb-dataset": "shop"}


@pytest.mark.parametrize("key", [KEY, "x" * 22, CLASSIC.upper(), CLASSIC[:-1], CLASSIC + "0", CLASSIC_INGEST[:-1], "hcaik_" + "0" * 58])
def test_with_other_keys_a_dataset_has_no_effect_and_that_is_said(key, caplog):
    settings = HoneycombSettings.of(api_key=key, dataset="shop")
    assert settings.headers == {"x-honeycomb-team": key}
    HoneycombSpanExporter(settings)
    [line] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line.startswith("the dataset has no effect")
    assert key not in caplog.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"api_key": ""}, "api_key is missing: give the option, or set HONEYCOMB_API_KEY"),
        ({}, "api_key is missing: give the option, or set HONEYCOMB_API_KEY"),
        ({"api_key": KEY, "region": "mars"}, "region must be us or eu, not 'mars'"),
        ({"api_key": KEY, "region": "eu", "endpoint": "https://a"}, "region and endpoint both say where to send"),
        ({"api_key": KEY, "endpoint": "a"}, "endpoint: 'a' is no http:// or https:// URL with a host"),
    ],
)
def test_what_is_missing_or_wrong_is_one_line(options, words):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as refused:
        HoneycombSettings.of(**options)
    assert words in str(refused.value)
    assert KEY not in str(refused.value)


def test_a_wrong_endpoint_names_its_variable(monkeypatch):
    monkeypatch.setenv("HONEYCOMB_API_ENDPOINT", "api.honeycomb.io")
    with pytest.raises(ValueError, match=r"^HONEYCOMB_API_ENDPOINT: "):
        HoneycombSettings.of(api_key=KEY)


@pytest.mark.parametrize("wrong", ["s3cret\nx-evil: 1", "s3cret\r", "s3cret key", "s3cret\0", "s3cret\u20ac", 53])
def test_a_wrong_key_is_refused_and_never_shown(wrong):
    with pytest.raises(ValueError, match="the API key must be") as refused:
        HoneycombSettings.of(api_key=wrong)
    shown = "".join(traceback.format_exception(refused.value))
    assert "s3cret" not in str(refused.value)
    assert "s3cret" not in shown


def test_the_key_is_in_no_repr():
    settings = HoneycombSettings.of(api_key=KEY)
    exporter = HoneycombSpanExporter(settings)
    for thing in (settings, exporter, exporter.settings):
        assert KEY not in repr(thing)
        assert KEY not in str(thing)
