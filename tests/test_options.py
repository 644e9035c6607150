import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import pytest

from carbonsdk.errors import SettingsError
from carbonsdk.interfaces import NoSettings
from carbonsdk.options import configure, required
from carbonsdk.secret import Secret


class Basis(StrEnum):
    LIFECYCLE = "lifecycle"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Limits:
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, slots=True)
class Everything:
    text: str = "default"
    count: int = 1
    share: float = 0.5
    active: bool = False
    root: Path = Path("/sys")
    token: Secret | None = None
    timeout_s: float | None = None
    names: tuple[str, ...] = ()
    pair: tuple[int, float] = (1, 2.0)
    kinds: frozenset[str] = frozenset()
    basis: Basis = Basis.LIFECYCLE
    mode: Literal["auto", "always"] = "auto"
    either: int | str = 0
    factors: Mapping[str, float] = field(default_factory=dict)
    limits: Limits = Limits()
    anything: Any = None


def one(name: str, value: Any) -> Any:
    return getattr(configure(Everything, {name: value}, where="sinks.all"), name)


def test_without_options_every_default_stands():
    assert configure(Everything, {}, where="sinks.all") == Everything()


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("text", "plain", "plain"),
        ("count", 3, 3),
        ("count", " 42 ", 42),
        ("share", 2, 2.0),
        ("share", "0.25", 0.25),
        ("active", True, True),
        ("active", "ON", True),
        ("active", "no", False),
        ("root", "/tmp/a b", Path("/tmp/a b")),
        ("root", Path("/x"), Path("/x")),
        ("count", 1e3, 1000),
        ("timeout_s", "1.5", 1.5),
        ("timeout_s", "", None),
        ("timeout_s", None, None),
        ("names", "a, b,c", ("a", "b", "c")),
        ("names", ["a"], ("a",)),
        ("pair", "3, 4", (3, 4.0)),
        ("kinds", ["cpu", "gpu"], frozenset({"cpu", "gpu"})),
        ("basis", "direct", Basis.DIRECT),
        ("mode", "always", "always"),
        ("either", "word", "word"),
        ("either", 7, 7),
        ("factors", {"DE": 300, "FR": "50"}, {"DE": 300.0, "FR": 50.0}),
        ("limits", {"high": 3}, Limits(0.0, 3.0)),
        ("anything", [1, "x"], [1, "x"]),
    ],
)
def test_a_value_is_read_as_its_field_says(name, given, expected):
    value = one(name, given)
    assert value == expected
    assert type(value) is type(expected)


def test_a_path_may_start_at_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    assert one("root", "~/meter") == Path("/home/ada/meter")


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("text", 5, "sinks.all.text must be text, not 5"),
        ("count", True, "sinks.all.count must be a whole number, not True"),
        ("count", 1.5, "sinks.all.count must be a whole number, not 1.5"),
        ("count", "many", "sinks.all.count must be a whole number, not 'many'"),
        ("share", "nan", "sinks.all.share must be a number, not 'nan'"),
        ("active", 1, "sinks.all.active must be true or false, not 1"),
        ("active", "maybe", "sinks.all.active must be true or false, not 'maybe'"),
        ("timeout_s", "soon", "sinks.all.timeout_s must be a number or nothing, not 'soon'"),
        ("names", 3, "sinks.all.names must be a list, not 3"),
        ("names", [3], "sinks.all.names must be a list, each item text, not [3]"),
        ("pair", [1], "sinks.all.pair must be a list of 2, not [1]"),
        ("basis", "other", "sinks.all.basis must be one of 'lifecycle', 'direct', not 'other'"),
        ("mode", "never", "sinks.all.mode must be one of 'auto', 'always', not 'never'"),
        ("factors", "DE=3", "sinks.all.factors must be a table, not 'DE=3'"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_one_sentence(name, given, sentence):
    with pytest.raises(SettingsError, match=f"^{re.escape(sentence)}$"):
        one(name, given)


def test_an_unknown_option_is_answered_with_the_nearest_known_one():
    with pytest.raises(SettingsError, match=r"^backends.rapl has no option 'timeout': did you mean 'timeout_s'\?$"):
        configure(Everything, {"timeout": 1}, where="backends.rapl")


def test_an_unknown_option_near_to_none_is_answered_with_all():
    with pytest.raises(SettingsError, match=r"^x.y has no option 'zzz': it takes high, low$"):
        configure(Limits, {"zzz": 1}, where="x.y")


def test_an_option_for_a_plugin_without_settings_is_refused():
    with pytest.raises(SettingsError, match=r"^sinks.memory has no option 'path': it takes none$"):
        configure(NoSettings, {"path": "x"}, where="sinks.memory")


def test_text_for_a_secret_becomes_a_secret():
    assert one("token", "hunter2") == Secret("hunter2")


def test_a_secret_of_the_wrong_type_is_not_shown():
    with pytest.raises(SettingsError) as caught:
        one("token", ["hunter2"])
    assert "hunter2" not in str(caught.value)


def test_a_secret_where_text_belongs_is_not_shown():
    with pytest.raises(SettingsError) as caught:
        one("text", Secret("hunter2"))
    assert "hunter2" not in str(caught.value)


@dataclass(frozen=True)
class Particular:
    watts: float = 1.0
    token: Secret | None = None

    def __post_init__(self):
        if self.watts < 0:
            raise ValueError(f"watts must not be negative (token {self.token and self.token.reveal()})")


def test_what_the_settings_themselves_refuse_is_a_settings_error():
    with pytest.raises(SettingsError, match=r"backends.mine: watts must not be negative"):
        configure(Particular, {"watts": -1}, where="backends.mine")


def test_what_the_settings_themselves_refuse_leaks_no_secret():
    with pytest.raises(SettingsError) as caught:
        configure(Particular, {"watts": -1, "token": "hunter2"}, where="backends.mine")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@dataclass(frozen=True)
class Needy:
    must: str
    may: int = 0
    derived: int = field(init=False, default=0)


def test_options_without_a_default_are_named():
    assert required(Needy) == ("must",)


def test_a_missing_option_is_a_settings_error():
    with pytest.raises(SettingsError, match=r"backends.needy.*must"):
        configure(Needy, {}, where="backends.needy")
