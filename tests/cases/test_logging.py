"""Whatever a program has set up for itself is as it was: logging, warnings, hooks, signals, random numbers."""

import pytest

SNAPSHOT = """
import faulthandler, gc, locale, logging, random, signal, warnings
import logging.config

# Loggers that come with what is imported; structlog brings asyncio.
LIBRARIES = ("carbonsdk", "urllib3", "requests", "charset_normalizer", "asyncio", "concurrent")

def state():
    loggers = {
        name: (logger.level, logger.propagate, logger.disabled, list(map(id, logger.handlers)), list(map(id, logger.filters)))
        for name, logger in {"": logging.root, **logging.Logger.manager.loggerDict}.items()
        if isinstance(logger, logging.Logger) and name.partition(".")[0] not in LIBRARIES
    }
    known = {
        "loggers": loggers,
        "disable": logging.root.manager.disable,
        "last resort": id(logging.lastResort),
        "raise": logging.raiseExceptions,
        "logger class": logging.getLoggerClass(),
        "record factory": logging.getLogRecordFactory(),
        "levels": tuple(logging.getLevelName(level) for level in range(60)),
        "warnings": list(map(str, warnings.filters)),
        "showwarning": warnings.showwarning,
        "hooks": (sys.excepthook, sys.displayhook, sys.unraisablehook, threading.excepthook, sys.gettrace(), sys.getprofile()),
        "signals": {each: signal.getsignal(each) for each in signal.valid_signals()},
        "random": random.getstate(),
        "environ": dict(os.environ),
        "cwd": os.getcwd(),
        "gc": (gc.isenabled(), gc.get_threshold()),
        "streams": (id(sys.stdout), id(sys.stderr), id(sys.stdin)),
        "switch": sys.getswitchinterval(),
        "recursion": sys.getrecursionlimit(),
        "locale": locale.setlocale(locale.LC_ALL),
        "faulthandler": faulthandler.is_enabled(),
        "path": list(sys.path),
    }
    if "numpy" in sys.modules:
        known["numpy"] = sys.modules["numpy"].random.get_state()[1].tobytes()
    return known

def same(before):
    after = state()
    changed = [name for name in before if before[name] != after[name]]
    assert not changed, [(name, before[name], after[name]) for name in changed]
"""

RUN = """
SINKS = {"memory": {}, "log": {}, "jsonl": {"path": "events.jsonl"}}
before = state()
with ct.CarbonTracker(**{**SETTINGS, "verbose": VERBOSE}, epochs=2, sinks=SINKS) as tracker:
    same(before)
    for _ in tracker.epochs():
        with ct.span("step"):
            pass
    tracker._session.notices.warn("made up")
same(before)
"""


@pytest.mark.parametrize("set_up", ["", "logging.basicConfig(level='DEBUG', stream=open(os.devnull, 'w'))", "import numpy"])
@pytest.mark.parametrize("verbose", [0, 2])
def test_a_run_changes_nothing_of_the_program_s_own(programs, set_up, verbose):
    ran = programs.run(f"{SNAPSHOT}\n{set_up}\nVERBOSE = {verbose}\n{RUN}")
    assert (ran.code, ran.err) == (0, ""), ran.err


def test_structlog_as_the_program_configured_it_stays(programs):
    ran = programs.run(
        """
        import structlog
        lines = []
        structlog.configure(processors=[lambda logger, name, event: lines.append(event) or "x"])
        before = structlog.get_config()
        with ct.CarbonTracker(**SETTINGS, sinks=["log"]) as tracker, tracker.epoch():
            structlog.get_logger().info("mine", a=1)
        assert structlog.get_config() == before
        assert [line for line in lines if line["event"] == "mine"] == [{"a": 1, "event": "mine"}]
        """
    )
    assert ran.code == 0, ran.err


def test_importing_changes_nothing(programs):
    ran = programs.run(
        SNAPSHOT
        + """
for name in [name for name in sys.modules if name.partition(".")[0] == "carbonsdk"]:
    del sys.modules[name]
before, threads, files = state(), threading.enumerate(), os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd") else []
import carbonsdk
same(before)
assert threads == threading.enumerate()
assert not files or files == os.listdir("/proc/self/fd")
"""
    )
    assert (ran.code, ran.err) == (0, ""), ran.err


EVERYTHING_FAILS = """
with ct.CarbonTracker(
    backends=(), sinks={"csv": {"path": "/proc/nowhere/out.csv"}}, zone="XX-NOWHERE", offline=True, verbose=0, epochs=1,
    state_dir="/proc/nowhere", fetchers=["static"],
) as tracker:
    for _ in tracker.epochs():
        pass
assert len(tracker.report().warnings) >= 3, tracker.report().warnings
"""


def test_verbose_0_prints_nothing_though_everything_fails(programs):
    ran = programs.run(EVERYTHING_FAILS)
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_who_asked_for_warnings_by_logging_gets_each_once(programs):
    ran = programs.run("import logging; logging.basicConfig(format='%(name)s|%(message)s')\n" + EVERYTHING_FAILS)
    assert (ran.code, ran.out) == (0, "")
    lines = [line for line in ran.err.splitlines() if line.startswith("carbonsdk|")]
    assert len(lines) >= 3
    assert len(lines) == len(set(lines))


def test_what_the_program_did_with_our_own_logger_stays(programs):
    ran = programs.run(
        """
        import logging
        seen = []
        handler = logging.Handler()
        handler.emit = lambda record: seen.append((record.levelname, record.getMessage()))
        log = logging.getLogger("carbonsdk")
        log.addHandler(handler)
        log.setLevel("ERROR")
        log.propagate = False
        with ct.CarbonTracker(**{**SETTINGS, "backends": ()}, sinks=["log"]) as tracker, tracker.epoch():
            pass
        assert seen == []  # neither warnings nor what the sink logs is an error
        assert (log.level, log.propagate, handler in log.handlers) == (logging.ERROR, False, True)
        log.setLevel("INFO")
        with ct.CarbonTracker(**{**SETTINGS, "backends": ()}, sinks=["log"]) as tracker, tracker.epoch():
            pass
        told = [level for level, text in seen if "nothing here can be measured" in text]
        assert told == ["WARNING"] * 2, seen  # of the engine, and of the sink
        """
    )
    assert (ran.code, ran.out, ran.err) == (0, "", "")
