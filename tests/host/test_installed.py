"""What broken plugins of every kind cost, with real distributions in a fresh interpreter: themselves, and nothing else."""

from pathlib import Path

import pluggy
import pytest

import carbonsdk

GOOD = ["loaded", None, ["sink good"]]

HOOK = "from carbonsdk.plugin import hookimpl\n@hookimpl\n"

BROKEN = {
    "an import error": (
        "import a_library_that_is_not_there",
        "its import raised ModuleNotFoundError: No module named 'a_library_that_is_not_there'",
    ),
    "a syntax error": ("def broken(:", "its import raised SyntaxError: invalid syntax"),
    "an exit at import": ("import sys; sys.exit(3)", "its import raised SystemExit: 3"),
    "a base exception at import": (
        "class Own(BaseException): ...\nraise Own('mine')",
        "its import raised Own: mine",
    ),
    "an exception that cannot be shown": (
        "class Evil(Exception):\n    def __str__(self): raise RuntimeError\nraise Evil",
        "its import raised Evil",
    ),
    "an unknown hook": (
        HOOK + "def carbonsdk_weather(): return []",
        "unknown hook 'carbonsdk_weather': there are carbonsdk_backends, carbonsdk_intensity_fetchers",
    ),
    "a misspelt hook": (
        HOOK + "def carbonsdk_sink(): return []",
        "unknown hook 'carbonsdk_sink': did you mean 'carbonsdk_sinks'?",
    ),
    "an argument that the hook has not": (
        HOOK + "def carbonsdk_sinks(settings): return []",
        "carbonsdk_sinks() takes 'settings', which the hook does not have: remove it",
    ),
    "an argument with a default": (
        HOOK + "def carbonsdk_commands(cli=None): ...",
        "carbonsdk_commands() gives its argument 'cli' a default: remove it",
    ),
    "a coroutine": (
        HOOK + "async def carbonsdk_sinks(): return []",
        "carbonsdk_sinks() is a coroutine function: make it a plain one",
    ),
    "a wrapper": (
        "from carbonsdk.plugin import hookimpl\n@hookimpl(wrapper=True)\ndef carbonsdk_sinks():\n    return (yield)",
        "carbonsdk_sinks() is a hook wrapper",
    ),
    "a hook that raises": (
        HOOK + "def carbonsdk_sinks(): raise OSError('the shelf is\\nfull')",
        "carbonsdk_sinks() raised OSError: the shelf is full",
    ),
    "a hook that exits": (
        HOOK + "def carbonsdk_sinks(): raise SystemExit",
        "carbonsdk_sinks() raised SystemExit",
    ),
    "a hook that forgets to return": (
        HOOK + "def carbonsdk_sinks(): ...",
        "carbonsdk_sinks() returned None: return a list of Registration",
    ),
    "a hook that returns classes": (
        HOOK + "def carbonsdk_sinks(): return [dict]",
        "carbonsdk_sinks(): returned the class dict among its items: return a list of Registration",
    ),
    "a hook that never ends": (
        "from itertools import repeat\n" + HOOK + "def carbonsdk_sinks(): return repeat(1)",
        "carbonsdk_sinks() returned more than 1000 registrations",
    ),
    "no hook at all": ("def carbonsdk_sinks(): return []", "it implements no hook: mark a function with @hookimpl"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_costs_itself_alone(site, case):
    source, reason = BROKEN[case]
    site.install("aa-broken", source)
    found = site.plugins()
    state, told, offers = found["aa-broken:aa-broken"]
    assert (state, offers) == ("broken", [])
    assert reason in told
    assert "\n" not in told
    assert found["zz-good:zz-good"] == GOOD


NEVER_BACK = {
    "its import": "import time; time.sleep(600)",
    "carbonsdk_sinks()": HOOK + "def carbonsdk_sinks():\n    import time; time.sleep(600)",
}


@pytest.mark.parametrize("doing", NEVER_BACK)
def test_a_plugin_that_hangs_is_left_behind_and_not_waited_for_twice(site, doing):
    site.install("aa-hanging", NEVER_BACK[doing])
    told = site.run("""
        import time
        from carbonsdk.host import PluginHost, patience
        patience.PATIENCE_S = 0.3
        first = PluginHost.discover()
        begun = time.monotonic()
        second = PluginHost.discover()
        assert time.monotonic() - begun < 0.3
        for host in (first, second):
            print(*(info.reason for info in host.failures), "good" in host.sinks)
    """)
    assert told.splitlines() == [
        f"{doing} hangs: it took longer than 0.3 s; CARBONSDK_DISABLE_PLUGINS spares the wait True",
        "its import hangs: an earlier call has not come back yet True",
    ]


def test_a_plugin_in_a_package_that_is_being_imported_is_not_waited_for(site):
    site.install("own", "from carbonsdk.plugin import hookimpl", points={"own": "own_project.plugin"})
    project = site.folder / "own_project"
    project.mkdir()
    (project / "__init__.py").write_text("from carbonsdk.host import PluginHost\nhost = PluginHost.discover()\n")
    (project / "plugin.py").write_text((site.folder / "zz_good.py").read_text().replace('"good"', '"mine"'))
    assert site.run("import own_project; print('mine' in own_project.host.sinks)") == "True\n"


def test_a_name_to_disable_that_is_no_plugins_is_told_with_the_nearest(site):
    told = site.run("""
        from carbonsdk.host import PluginHost
        print(*PluginHost.discover(("zz-god", "nvml")).complaints, sep="\\n")
    """)
    assert told == "disable_plugins: no plugin is called 'zz-god'; did you mean 'zz-good'?\n"


def test_an_entry_point_to_a_missing_attribute_is_broken(site):
    site.install("aa-broken", "", points={"aa": "aa_broken:nowhere"})
    state, reason, _ = site.plugins()["aa-broken:aa"]
    assert state == "broken"
    assert "nowhere" in reason


def test_a_module_named_by_two_entry_points_is_taken_once(site):
    site.install_good("twice", sink="twice")
    (site.folder / "twice-1.0.dist-info" / "entry_points.txt").write_text("[carbonsdk]\none = twice\ntwo = twice\n")
    found = site.plugins()
    assert found["twice:one"][0] == "loaded"
    assert found["twice:two"][0] == "broken"


def test_of_two_sinks_with_one_name_the_first_by_distribution_name_stays(site):
    site.install_good("beta", sink="same")
    site.install_good("alpha", sink="same")
    found = site.plugins()
    assert found["alpha:alpha"] == ["loaded", None, ["sink same"]]
    assert found["beta:beta"] == [
        "broken",
        "the sink 'same' of plugin 'beta' of beta 1.0 is refused: plugin 'alpha' of alpha 1.0 has that name already",
        [],
    ]


def test_a_built_in_keeps_its_name(site):
    site.install_good("aa-thief", sink="memory")
    state, reason, offers = site.plugins()["aa-thief:aa-thief"]
    assert (state, offers) == ("broken", [])
    assert f"plugin 'memory' of carbonsdk {carbonsdk.__version__} has that name already" in reason


def test_a_disabled_plugin_is_not_even_imported(site):
    site.install("aa-loud", "raise RuntimeError('imported')")
    found = site.plugins(disabled=("aa-loud",))
    assert found["aa-loud:aa-loud"] == ["disabled", "switched off by name", []]
    assert found["zz-good:zz-good"] == GOOD


def test_a_torn_entry_points_file_hides_its_own_distribution_alone(site):
    site.install("aa-torn", "")
    (site.folder / "aa_torn-1.0.dist-info" / "entry_points.txt").write_text("[carbonsdk]\nno equals sign\n")
    found = site.plugins()
    assert found == {"zz-good:zz-good": GOOD}


def test_a_distribution_without_metadata_is_still_loaded(site):
    site.install_good("nameless", sink="nameless")
    (site.folder / "nameless-1.0.dist-info" / "METADATA").unlink()
    offers = [offers for _, _, offers in site.plugins().values()]
    assert sorted(offers) == [["sink good"], ["sink nameless"]]


HANGING = """
    import threading
    from carbonsdk.plugin import Registration, hookimpl

    def hang(context):
        threading.Event().wait()

    @hookimpl
    def carbonsdk_sinks():
        return [Registration(name="stuck", factory=hang)]
"""


def test_a_factory_that_hangs_holds_up_neither_discovery_nor_the_other_plugins(site):
    site.install("aa-stuck", HANGING)
    output = site.run("""
        import threading
        from carbonsdk.clock import SystemClock
        from carbonsdk.host import PluginHost

        host = PluginHost.discover()
        make = lambda name: host.make(host.sinks[name], {}, clock=SystemClock(), http=None)
        stuck = threading.Thread(target=make, args=["stuck"], daemon=True)
        stuck.start()
        print(type(make("good")).__name__, stuck.is_alive(), [info.reason for info in host.failures if not info.builtin])
    """)
    assert output == "Quiet True []\n"


def test_the_log_of_a_broken_plugin_has_its_traceback(site):
    site.install("aa-broken", "raise RuntimeError('deep inside')")
    output = site.run("""
        import logging, sys
        logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
        from carbonsdk.host import PluginHost
        PluginHost.discover()
    """)
    assert "plugin 'aa-broken' of aa-broken is broken" in output
    assert 'aa_broken.py", line 1' in output


def test_discovery_prints_nothing_and_loads_no_heavy_library(site):
    output = site.run("""
        import sys
        from carbonsdk.host import PluginHost
        PluginHost.discover()
        print([name for name in ("click", "rich", "structlog", "numpy", "requests", "psutil", "pynvml") if name in sys.modules])
    """)
    assert output == "[]\n"


def test_importing_carbonsdk_imports_no_host(site):
    assert site.run("import carbonsdk, sys; print('carbonsdk.host' in sys.modules)") == "False\n"


def test_without_any_metadata_carbonsdk_says_that_it_is_not_installed(site):
    bare = site.folder.parent / "bare"
    bare.mkdir()
    for package in (carbonsdk, pluggy):
        (bare / package.__name__).symlink_to(Path(package.__file__).parent)
    site.folder = bare
    output = site.run(
        """
        from carbonsdk.host import PluginHost
        host = PluginHost.discover()
        print(host.installed, len(host.plugins), dict(host.backends))
        print(host.advice)
        """,
        "-S",
    )
    assert output.startswith("False 0 {}\ncarbonsdk is not installed")
    assert "pip install" in output
