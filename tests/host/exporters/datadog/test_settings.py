"""The DD_ variables, their precedence and their errors."""

from __future__ import annotations

import pytest

from bext_host.exporters.datadog import DatadogSettings

VARIABLES = ["DD_TRACE_AGENT_URL", "DD_AGENT_HOST", "DD_TRACE_AGENT_PORT", "DD_SERVICE", "DD_ENV", "DD_VERSION", "DD_TAGS"]


@pytest.fixture
def variables(monkeypatch):
    """Sets these variables, and removes all the others."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)

    def set_them(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_them


def test_without_any_variable(variables):
    assert DatadogSettings.of() == DatadogSettings("http://localhost:8126", "bext", "", "", {})


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({"DD_AGENT_HOST": "agent"}, "http://agent:8126"),
        ({"DD_TRACE_AGENT_PORT": "9126"}, "http://localhost:9126"),
        ({"DD_AGENT_HOST": "::1", "DD_TRACE_AGENT_PORT": "1"}, "http://[::1]:1"),
        ({"DD_AGENT_HOST": "[::1]"}, "http://[::1]:8126"),
        ({"DD_TRACE_AGENT_URL": "https://dd.example/", "DD_AGENT_HOST": "no", "DD_TRACE_AGENT_PORT": "2"}, "https://dd.example"),
        ({"DD_TRACE_AGENT_URL": "", "DD_AGENT_HOST": " ", "DD_TRACE_AGENT_PORT": ""}, "http://localhost:8126"),
    ],
)
def test_where_the_agent_is(variables, values, url):
    variables(**values)
    assert DatadogSettings.of().agent_url == url


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("team:a,layer:edge", {"team": "a", "layer": "edge"}),
        ("team:a layer:edge", {"team": "a", "layer": "edge"}),
        ("team:a b, url:http://x:1 ,", {"team": "a b", "url": "http://x:1"}),
        ("empty:", {"empty": ""}),
        ("", {}),
    ],
)
def test_tags(variables, text, tags):
    variables(DD_TAGS=text)
    assert DatadogSettings.of().tags == tags


def test_service_env_and_version_may_be_tags_and_the_variables_go_before(variables):
    variables(DD_TAGS="service:s,env:e,version:v,team:a")
    assert DatadogSettings.of() == DatadogSettings(service="s", env="e", version="v", tags={"team": "a"})
    variables(DD_SERVICE="S", DD_ENV="E", DD_VERSION="V")
    assert DatadogSettings.of() == DatadogSettings(service="S", env="E", version="V", tags={"team": "a"})


def test_arguments_go_before_variables_even_wrong_ones(variables):
    variables(DD_TRACE_AGENT_URL="nonsense", DD_SERVICE="S", DD_ENV="E", DD_VERSION="V", DD_TAGS="nonsense")
    made = DatadogSettings.of(agent_url="http://a:1/", service="s", env="e", version="v", tags={"t": "1"})
    assert made == DatadogSettings("http://a:1", "s", "e", "v", {"t": "1"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DD_TRACE_AGENT_URL", "localhost:8126"),
        ("DD_TRACE_AGENT_URL", "http://"),
        ("DD_TRACE_AGENT_URL", "http://a:99999"),
        ("DD_TRACE_AGENT_URL", "http://a:0"),
        ("DD_TRACE_AGENT_URL", "http://[::1"),
        ("DD_TRACE_AGENT_URL", "http://a/?x=1"),
        ("DD_TRACE_AGENT_URL", "unix:///var/run/datadog/apm.socket"),
        ("DD_AGENT_HOST", "http://agent"),
        ("DD_AGENT_HOST", "two words"),
        ("DD_AGENT_HOST", "user@agent"),
        ("DD_AGENT_HOST", "[::"),
        ("DD_TRACE_AGENT_PORT", "0"),
        ("DD_TRACE_AGENT_PORT", "65536"),
        ("DD_TRACE_AGENT_PORT", "-1"),
        ("DD_TRACE_AGENT_PORT", "http"),
        ("DD_TRACE_AGENT_PORT", "\u0663"),
        ("DD_TAGS", "team"),
        ("DD_TAGS", "a:b,:c"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_the_variable(variables, name, value):
    variables(**{name: value})
    with pytest.raises(ValueError, match=name):
        DatadogSettings.of()


def test_a_password_in_the_url_is_not_repeated(variables):
    variables(DD_TRACE_AGENT_URL="ftp://user:secret@agent")
    with pytest.raises(ValueError, match="DD_TRACE_AGENT_URL") as caught:
        DatadogSettings.of()
    assert "secret" not in str(caught.value)
