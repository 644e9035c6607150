import json

from click.testing import CliRunner

from carbonsdk.cli.plugins import command, described
from carbonsdk.host import PluginHost
from carbonsdk.plugin import hookimpl


def run(*arguments, **environment):
    return CliRunner().invoke(command, arguments, env={"COLUMNS": "200", **environment})


def test_the_built_ins_are_listed_with_what_they_offer():
    result = run()
    assert result.exit_code == 0
    (row,) = [line for line in result.output.splitlines() if line.split()[:1] == ["memory"]]
    assert row.split()[1] == "carbonsdk"
    assert row.split()[3:] == ["loaded", "sink", "memory", *["events", "in", "memory,", "for", "tests"]]


def test_each_offer_of_a_plugin_has_a_row():
    (cloud, ip, timezone) = [line for line in run().output.splitlines() if "locator " in line]
    assert cloud.split()[:6] == ["locators", "carbonsdk", *cloud.split()[2:3], "loaded", "locator", "cloud"]
    assert (ip.split()[:2], timezone.split()[:2]) == (["locator", "ip"], ["locator", "timezone"])


def test_a_disabled_plugin_says_so():
    told = json.loads(run("--json", CARBONSDK_DISABLE_PLUGINS="memory").output)
    (memory,) = [plugin for plugin in told["plugins"] if plugin["name"] == "memory"]
    assert (memory["state"], memory["reason"], memory["offers"]) == ("disabled", "switched off by name", [])


def test_json_tells_each_offer_with_its_summary():
    told = json.loads(run("--json").output)
    assert told["installed"]
    (memory,) = [plugin for plugin in told["plugins"] if plugin["name"] == "memory"]
    assert memory["builtin"]
    assert memory["offers"] == [
        {
            "kind": "sink",
            "name": "memory",
            "summary": "events in memory, for tests",
            "preference": 0,
            "automatic": False,
        }
    ]


def test_a_name_to_disable_that_is_no_plugins_is_told():
    told = run(CARBONSDK_DISABLE_PLUGINS="conosle").output
    assert "disable_plugins: no plugin is called 'conosle'; did you mean 'console'?" in told


class Broken:
    """A plugin whose text looks like the markup of a terminal."""

    @hookimpl
    def carbonsdk_sinks(self):
        raise OSError("[red]no shelf[/nonsense]")


def test_a_broken_plugin_is_told_with_its_reason_as_it_is(monkeypatch):
    host = PluginHost.of({"shelf": Broken()})
    monkeypatch.setattr(PluginHost, "discover", lambda disabled=(): host)
    output = run().output
    assert "plugin 'shelf' of (given): carbonsdk_sinks() raised OSError: [red]no shelf[/nonsense]" in output


def test_without_metadata_the_way_to_mend_it_is_shown(monkeypatch):
    monkeypatch.setattr(PluginHost, "discover", lambda disabled=(): PluginHost([], installed=False))
    assert "carbonsdk is not installed" in run().output
    assert described(PluginHost([], installed=False))["plugins"] == []


def test_its_help_says_how_to_switch_plugins_off():
    assert "CARBONSDK_DISABLE_PLUGINS" in run("--help").output
