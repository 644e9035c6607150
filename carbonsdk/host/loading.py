"""One plugin at a time, from its entry point to checked registrations; whatever is wrong with it becomes a `Refused`."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from carbonsdk.host.entrypoints import Found
from carbonsdk.host.patience import TookTooLong, in_time, trusted
from carbonsdk.host.values import Kind
from carbonsdk.interfaces import Registration
from carbonsdk.interruption import let_through
from carbonsdk.model import DeviceKind
from carbonsdk.options import required

if TYPE_CHECKING:
    import pluggy

T = TypeVar("T")

COMMANDS_HOOK = "carbonsdk_commands"

_HOOKS = (*(kind.hook for kind in Kind), COMMANDS_HOOK)

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MOST_REGISTRATIONS = 1000  # an endless generator is a mistake too
_LONGEST_REASON = 500


class Refused(Exception):
    """A plugin, or a part of it, is not taken; the text says why."""


class Loaded(NamedTuple):
    """A plugin whose registrations have been checked."""

    registrations: tuple[tuple[Kind, Registration[Any]], ...]
    commands: tuple[Callable[..., object], ...]


class Border:
    """Turn whatever a plugin raises, SystemExit included, into Refused; what a signal's handler raises passes."""

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None or isinstance(error, KeyboardInterrupt | Refused):
            return
        if isinstance(error, TookTooLong):
            raise Refused(f"{self._doing} hangs: {error}") from None
        let_through(error)  # a plugin that calls sys.exit() at import must not end the training; a handler may
        raise Refused(f"{self._doing} raised {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """Return the type and text of an exception on one line, whatever its `__str__` does."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - a plugin's own exception class
        text = ""
    name = type(error).__name__
    return f"{name}: {text[:_LONGEST_REASON]}" if text else name


def load(manager: "pluggy.PluginManager", found: Found) -> Loaded:
    """Import one plugin, register it with pluggy, and ask it for its registrations. Raises Refused."""
    call = _direct if trusted(found.module) else partial(in_time, module=found.module)
    with Border("its import"):
        plugin = call(found.load)
    if plugin is None:
        raise Refused("its entry point names None: let it name a module with @hookimpl functions")
    identity = f"{found.distribution}:{found.name}"
    try:
        _register(manager, plugin, identity)
        return _ask(_implementations(manager, identity), call)
    except Refused:
        with Border("pluggy"):
            manager.unregister(name=identity)  # a plugin refused half-way must not fail the next one's check
        raise


def _register(manager: "pluggy.PluginManager", plugin: object, identity: str) -> None:
    from pluggy import PluginValidationError

    with Border("pluggy"):
        try:
            manager.register(plugin, identity)
            manager.check_pending()
        except PluginValidationError as error:
            raise Refused(_plainly(str(error)) or f"pluggy raised {one_line(error)}") from error


def _plainly(complaint: str) -> str | None:
    """Return what pluggy says of the two commonest mistakes, with the next step; None for any other."""
    if unknown := re.search(r"unknown hook '(\w+)'", complaint):
        from difflib import get_close_matches

        without_prefix = {hook.removeprefix("carbonsdk_"): hook for hook in _HOOKS}
        near = get_close_matches(unknown[1].removeprefix("carbonsdk_"), without_prefix, n=1)
        hint = f"did you mean {without_prefix[near[0]]!r}?" if near else f"there are {', '.join(_HOOKS)}"
        return f"unknown hook {unknown[1]!r}: {hint}"
    if excess := re.search(r"for hook '(\w+)'.*Argument\(s\) \{(.*?)\} are declared", complaint, re.DOTALL):
        return f"{excess[1]}() takes {excess[2]}, which the hook does not have: remove it"
    return None


def _implementations(manager: "pluggy.PluginManager", identity: str) -> list[tuple[str, Callable[..., Any]]]:
    implementations = []
    for hook in _HOOKS:
        for each in getattr(manager.hook, hook).get_hookimpls():
            if each.plugin_name == identity:
                _check_signature(hook, each)
                implementations.append((hook, each.function))
    if not implementations:
        raise Refused(f"it implements no hook: mark a function with @hookimpl and name it {', '.join(_HOOKS)}")
    return implementations


def _check_signature(hook: str, implementation: "pluggy.HookImpl") -> None:
    if implementation.wrapper or implementation.hookwrapper:
        raise Refused(f"{hook}() is a hook wrapper: implementations are called one at a time, there is nothing to wrap")
    if inspect.iscoroutinefunction(implementation.function):
        raise Refused(f"{hook}() is a coroutine function: make it a plain one")
    for parameter in inspect.signature(implementation.function).parameters.values():
        # pluggy 1.6 and 1.7 disagree on whether such an argument is ever filled in.
        if parameter.default is not parameter.empty:
            raise Refused(f"{hook}() gives its argument {parameter.name!r} a default: remove it")


def _direct(call: Callable[[], T]) -> T:
    return call()


def _ask(implementations: Iterable[tuple[str, Callable[..., Any]]], call: Callable[[Callable[[], Any]], Any]) -> Loaded:
    kinds = {kind.hook: kind for kind in Kind}
    registrations: list[tuple[Kind, Registration[Any]]] = []
    commands = []
    for hook, function in implementations:
        if hook == COMMANDS_HOOK:
            commands.append(function)
            continue
        with Border(f"{hook}()"):
            items = call(partial(_registrations, hook, function))
        registrations.extend((kinds[hook], each) for each in items)
    return Loaded(tuple(registrations), tuple(commands))


def _registrations(hook: str, function: Callable[[], Any]) -> list[Registration[Any]]:
    returned = function()
    if isinstance(returned, str | bytes) or not isinstance(returned, Iterable):
        raise Refused(f"{hook}() returned {_article(returned)}: return a list of Registration")
    items = list(islice(returned, _MOST_REGISTRATIONS + 1))
    if len(items) > _MOST_REGISTRATIONS:
        raise Refused(f"{hook}() returned more than {_MOST_REGISTRATIONS} registrations")
    for item in items:
        with Border(f"a registration of {hook}()"):
            problem = flaw(item)
        if problem:
            raise Refused(f"{hook}(): {problem}")
    return items


def flaw(item: Any) -> str | None:
    """Return what is wrong with a registration, or None."""
    if not isinstance(item, Registration):
        return f"returned {_article(item)} among its items: return a list of Registration"
    given: Any = item  # its author may run no type checker
    name, settings, preference, kinds = given.name, given.settings, given.preference, given.kinds
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return f"the name {name!r} is not of lower-case letters, digits and underscores"
    if not callable(given.factory):
        return f"the factory of {name!r} cannot be called"
    if not (isinstance(settings, type) and dataclasses.is_dataclass(settings) and _frozen(settings)):
        return f"the settings of {name!r} are {_article(settings)}: make them a frozen dataclass"
    if needed := required(settings):
        return f"the settings of {name!r} want a default for {', '.join(needed)}"
    if not isinstance(preference, int) or isinstance(preference, bool):
        return f"the preference of {name!r} is {preference!r}: make it a whole number"
    if not all(isinstance(kind, DeviceKind) for kind in kinds):
        return f"the kinds of {name!r} are {kinds!r}: make them a frozenset of DeviceKind"
    return None


def _frozen(settings: type) -> bool:
    return bool(settings.__dataclass_params__.frozen)  # type: ignore[attr-defined]


def _article(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return "None" if value is None else f"a {type(value).__name__}"
