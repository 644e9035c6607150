import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from carbonsdk.errors import PluginError, SettingsError
from carbonsdk.host import Kind, Offer, PluginHost
from carbonsdk.plugin import DeviceKind, Registration, Secret, hookimpl
from carbonsdk.testing.clock import FakeClock


class Shelf:
    """A sink that keeps what it was made from."""

    def __init__(self, context=None):
        self.context = context

    def handle(self, event): ...

    def close(self): ...


@dataclass(frozen=True)
class ShelfSettings:
    root: Path = Path("/var")
    depth: int = 1
    token: Secret | None = None


def plugin(*registrations, hook="carbonsdk_sinks"):
    """Return a plugin that registers these through one hook."""

    class Plugin:
        pass

    def implementation(self):
        return registrations

    implementation.__name__ = hook
    setattr(Plugin, hook, hookimpl(implementation))
    return Plugin()


def sink(name, factory=Shelf, **fields):
    return Registration(name=name, factory=factory, **fields)


def host_of(*registrations):
    return PluginHost.of({"mine": plugin(*registrations)})


def make(host, name, options=()):
    return host.make(host.sinks[name], dict(options), clock=FakeClock(), http=None)


def test_registrations_are_found_by_kind_and_name():
    host = PluginHost.of({"shelves": plugin(sink("shelf"))})
    assert list(host.sinks) == ["shelf"]
    assert (dict(host.backends), dict(host.fetchers), dict(host.locators)) == ({}, {}, {})
    (info,) = host.plugins
    assert host.sinks["shelf"].plugin is info
    assert (info.name, info.state, info.builtin, info.offers) == ("shelves", "loaded", False, (Offer(Kind.SINK, "shelf"),))
    assert host.failures == ()


def test_each_kind_has_its_hook_and_its_settings_table():
    assert {kind.hook: kind.table for kind in Kind} == {
        "carbonsdk_backends": "backends",
        "carbonsdk_intensity_fetchers": "intensity",
        "carbonsdk_locators": "locators",
        "carbonsdk_sinks": "sinks",
    }


def test_the_most_preferred_comes_first_and_equals_go_by_name():
    host = host_of(sink("b", preference=10), sink("z", preference=100), sink("a", preference=10))
    assert list(host.sinks) == ["z", "a", "b"]


def test_what_the_host_found_cannot_be_changed():
    with pytest.raises(TypeError):
        host_of(sink("shelf")).sinks["shelf"] = None


def test_a_plugin_that_registers_a_name_twice_keeps_the_first_and_the_rest():
    host = host_of(sink("a", preference=1), sink("a", preference=2), sink("b"))
    (info,) = host.plugins
    assert host.sinks["a"].registration.preference == 1
    assert info.offers == (Offer(Kind.SINK, "a"), Offer(Kind.SINK, "b"))
    assert (info.state, info.reason) == (
        "loaded",
        "the sink 'a' of plugin 'mine' of (given) is refused: it registers that name twice",
    )
    assert host.failures == (info,)


def test_one_name_may_be_used_once_a_kind():
    both = plugin(sink("same"))
    other = plugin(Registration(name="same", factory=Shelf), hook="carbonsdk_locators")
    host = PluginHost.of({"a": both, "b": other})
    assert "same" in host.sinks
    assert "same" in host.locators
    assert host.failures == ()


@dataclass
class Thawed:
    depth: int = 1


@dataclass(frozen=True)
class Needy:
    depth: int


@pytest.mark.parametrize(
    ("registration", "reason"),
    [
        (sink("Shelf"), "the name 'Shelf' is not of lower-case letters, digits and underscores"),
        (sink(None), "the name None is not of lower-case letters, digits and underscores"),
        (sink("shelf", factory=3), "the factory of 'shelf' cannot be called"),
        (sink("shelf", settings=Thawed), "the settings of 'shelf' are the class Thawed: make them a frozen dataclass"),
        (sink("shelf", settings=Needy), "the settings of 'shelf' want a default for depth"),
        (sink("shelf", settings=ShelfSettings()), "the settings of 'shelf' are a ShelfSettings: make them a frozen dataclass"),
        (sink("shelf", preference="high"), "the preference of 'shelf' is 'high': make it a whole number"),
        (sink("shelf", kinds={"cpus"}), "the kinds of 'shelf' are {'cpus'}: make them a frozenset of DeviceKind"),
        (sink("shelf", kinds=None), "a registration of carbonsdk_sinks() raised TypeError"),
    ],
)
def test_a_registration_with_a_flaw_breaks_its_plugin(registration, reason):
    host = host_of(registration)
    assert [info.state for info in host.plugins] == ["broken"]
    assert reason in host.plugins[0].reason
    assert dict(host.sinks) == {}


def test_a_registration_may_name_device_kinds():
    assert host_of(sink("shelf", kinds=frozenset({DeviceKind.GPU}))).failures == ()


def test_an_interrupt_from_the_keyboard_passes():
    class Plugin:
        @hookimpl
        def carbonsdk_sinks(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PluginHost.of({"mine": Plugin()})


@pytest.fixture
def sigterm_exits():
    """Have a handler of the program's own, which leaves it."""
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit("preempted"))
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("sigterm_exits")
def test_what_a_handler_of_a_signal_raises_passes():
    class Plugin:
        @hookimpl
        def carbonsdk_sinks(self):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(SystemExit, match="preempted"):
        PluginHost.of({"mine": Plugin()})
    host = host_of(sink("shelf", factory=lambda _context: signal.raise_signal(signal.SIGTERM)))
    with pytest.raises(SystemExit, match="preempted"):
        make(host, "shelf")


def test_a_factory_gets_its_settings_a_clock_a_client_and_a_logger():
    host = host_of(sink("shelf", settings=ShelfSettings))
    clock, http = FakeClock(), object()
    shelf = host.make(host.sinks["shelf"], {"depth": "3"}, clock=clock, http=http)
    assert shelf.context.settings == ShelfSettings(depth=3)
    assert shelf.context.clock is clock
    assert shelf.context.http is http
    assert shelf.context.log.name == "carbonsdk.shelf"


def test_an_unknown_option_is_a_settings_error_with_the_nearest():
    host = host_of(sink("shelf", settings=ShelfSettings))
    with pytest.raises(SettingsError, match=r"^sinks\.shelf has no option 'dept': did you mean 'depth'\?$"):
        make(host, "shelf", {"dept": 3})


def raising(error):
    def factory(context):
        raise error

    return factory


@pytest.mark.parametrize("error", [OSError("no disk"), SystemExit("no disk"), GeneratorExit("no disk")])
def test_what_a_factory_raises_names_the_plugin_and_its_distribution(error):
    host = host_of(sink("shelf", factory=raising(error)))
    sentence = rf"^the sink 'shelf' cannot be made \(plugin 'mine' of \(given\)\): {type(error).__name__}: no disk$"
    with pytest.raises(PluginError, match=sentence) as caught:
        make(host, "shelf")
    assert caught.value.__cause__ is error


def test_a_settings_error_of_a_factory_passes():
    error = SettingsError("sinks.shelf: depth and root exclude each other")
    with pytest.raises(SettingsError) as caught:
        make(host_of(sink("shelf", factory=raising(error))), "shelf")
    assert caught.value is error


def test_a_secret_is_cut_from_what_a_factory_raises():
    def factory(context):
        raise OSError(f"401 for token {context.settings.token.reveal()}")

    host = host_of(sink("shelf", factory=factory, settings=ShelfSettings))
    with pytest.raises(PluginError, match="401 for token …") as caught:
        make(host, "shelf", {"token": "hunter2"})
    assert caught.value.__cause__ is None
    assert "hunter2" not in str(caught.value)


def test_a_factory_that_makes_something_else_is_a_plugin_error():
    with pytest.raises(PluginError, match="its factory returned a dict, which is no Sink"):
        make(host_of(sink("shelf", factory=lambda context: {})), "shelf")


def commander(add):
    class Plugin:
        @hookimpl
        def carbonsdk_commands(self, cli):
            add(cli)

    return Plugin()


def cli_with(*names):
    return click.Group("carbonsdk", commands={name: click.Command(name) for name in names})


def test_a_plugin_adds_its_commands():
    cli = cli_with("run")
    host = PluginHost.of({"mine": commander(lambda group: group.add_command(click.Command("extra")))})
    host.commands(cli)
    assert list(cli.commands) == ["run", "extra"]
    assert host.plugins[0].commands
    assert host.failures == ()


def test_a_command_that_is_there_is_not_replaced():
    cli = cli_with("run")
    run = cli.commands["run"]
    host = PluginHost.of({"mine": commander(lambda group: group.add_command(click.Command("run")))})
    host.commands(cli)
    assert cli.commands["run"] is run
    assert [info.reason for info in host.failures] == ["these commands are taken: run"]


def test_commands_that_raise_cost_their_plugin_alone():
    def half(group):
        group.add_command(click.Command("half"))
        raise SystemExit(2)

    cli = cli_with()
    host = PluginHost.of({"a": commander(half), "b": commander(lambda group: group.add_command(click.Command("whole")))})
    host.commands(cli)
    assert list(cli.commands) == ["whole"]
    assert [(info.name, info.reason) for info in host.failures] == [("a", "carbonsdk_commands() raised SystemExit: 2")]


def test_the_installed_host_finds_carbonsdks_own_plugins():
    host = PluginHost.discover()
    assert host.installed
    assert host.advice is None
    assert "memory" in host.sinks
    assert host.sinks["memory"].plugin.builtin
