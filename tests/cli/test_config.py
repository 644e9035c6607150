"""`carbonsdk config` shows what holds, and where it came from."""

import json

from carbonsdk.settings.sources import FIELDS


def test_every_setting_is_shown_with_its_source_and_meaning(carbonsdk):
    shown = json.loads(carbonsdk("config", "--json", CARBONSDK_ZONE="SE").stdout)
    assert set(shown) == set(FIELDS) - {"options"}
    assert shown["zone"] == {"value": "SE", "source": "variable CARBONSDK_ZONE", "help": FIELDS["zone"].metadata["help"]}
    assert shown["pue"]["source"] == "default"


def test_what_is_set_can_be_shown_alone(carbonsdk, home):
    (home / "carbonsdk.toml").write_text('pue = 1.2\n[backends.rapl]\nroot = "/host/sys"\n')
    done = carbonsdk("config", "--set")
    assert "pue" in done.stdout
    assert f"{home}/carbonsdk.toml:1" in done.stdout
    assert "backends.rapl.root" in done.stdout
    assert "verbose" not in done.stdout


def test_secrets_are_not_shown(carbonsdk, home):
    secrets = {
        "CARBONSDK_API_KEYS__ELECTRICITYMAPS": "s3cret-1",
        "CARBONSDK_INTENSITY__ELECTRICITYMAPS__TOKEN": "s3cret-2",
        "CARBONSDK_SINKS__NOT_INSTALLED__PASSWORD": "s3cret-3",
    }
    for arguments in (["config"], ["config", "--json"]):
        done = carbonsdk(*arguments, **secrets)
        assert done.returncode == 0
        assert "s3cret" not in done.stdout + done.stderr
        assert "api_keys" in done.stdout
        assert "sinks.not_installed.password" in done.stdout


def test_what_a_terminal_would_obey_is_not_shown(carbonsdk, home):
    lines = [r'name = "\u001b[31mred"', r'fetchers = ["\u001b[1mx"]', "[sinks]", r'"\u001b[2Jx" = { "\u001b[1my" = 1 }']
    (home / "carbonsdk.toml").write_text("\n".join(lines))
    done = carbonsdk("config", CARBONSDK_LOCATE="\x1b]0;mine\x07")
    assert "\ufffd[31mred" in done.stdout
    assert "sinks.\ufffd[2Jx.\ufffd[1my" in done.stdout
    assert "\ufffd]0;mine\ufffd" in done.stdout
    assert "sinks.\ufffd[2Jx is ignored" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_an_unknown_variable_is_told(carbonsdk):
    done = carbonsdk("config", CARBONSDK_ZOEN="DE")
    assert done.returncode == 0
    assert "unknown variable CARBONSDK_ZOEN is ignored; did you mean 'CARBONSDK_ZONE'?" in done.stderr


def test_an_option_that_a_plugin_does_not_have_is_told_beside_what_is_set(carbonsdk, home):
    (home / "carbonsdk.toml").write_text('[backends.rapl]\nrot = "/host/sys"\n')
    done = carbonsdk("config", "--set")
    assert "backends.rapl.rot" in done.stdout
    assert "backends.rapl has no option 'rot': did you mean 'root'?" in done.stderr
    assert done.returncode == 2


def test_options_of_a_plugin_that_is_not_here_are_a_warning(carbonsdk, home):
    (home / "carbonsdk.toml").write_text('[sinks.prometeus]\npath = "/tmp"\n')
    done = carbonsdk("config", "--set")
    assert "sinks.prometeus is ignored: no sink is called 'prometeus'" in done.stderr
    assert done.returncode == 0
