"""However a program ends, its exit code is its own and its record tells what it used."""

import signal
import subprocess
import sys
import time

import pytest

TRAIN_FOR_EVER = """
import time
tracker = ct.CarbonTracker(**SETTINGS)
with tracker.epoch():
    pass
with tracker.epoch():
    print("training", flush=True)
    time.sleep(60)
"""


def killed_by(programs, number):
    with programs.start(TRAIN_FOR_EVER) as process:
        assert process.stdout.readline() == "training\n"
        process.send_signal(number)
        before = time.monotonic()
        process.communicate(timeout=10)
        return process.returncode, time.monotonic() - before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_a_killed_program_dies_of_its_signal_and_is_interrupted_with_its_ended_epochs(programs, number):
    code, _ = killed_by(programs, number)
    assert code == -number
    report = programs.run("").report()
    assert report.state == "interrupted"
    assert report.epoch_count == 1


def test_ctrl_c_is_the_program_s_own(programs):
    code, seconds = killed_by(programs, signal.SIGINT)
    assert code == -signal.SIGINT  # as Python ends without us
    assert seconds < 2
    report = programs.run("").report()
    assert [(epoch.failed, epoch.reason) for epoch in report.epochs][1] == (True, "the body raised KeyboardInterrupt")


def test_the_handlers_of_signals_are_left_as_they_were(programs):
    ran = programs.run(
        """
        import signal
        before = {each: signal.getsignal(each) for each in signal.valid_signals()}
        with ct.CarbonTracker(**SETTINGS) as tracker, tracker.epoch():
            assert before == {each: signal.getsignal(each) for each in signal.valid_signals()}
        assert before == {each: signal.getsignal(each) for each in signal.valid_signals()}
        """
    )
    assert (ran.code, ran.err) == (0, "")


def test_the_program_s_own_handler_of_sigterm_stops_the_tracker(programs):
    ran = programs.run(
        """
        import signal
        tracker = ct.CarbonTracker(**SETTINGS)

        def leave(number, frame):
            tracker.stop()
            sys.exit(5)

        signal.signal(signal.SIGTERM, leave)
        with tracker.epoch():
            os.kill(os.getpid(), signal.SIGTERM)
        """
    )
    assert (ran.code, ran.err) == (5, "")
    assert ran.report().state == "finished"
    assert ran.report().epochs[0].partial


@pytest.mark.skipif(sys.platform != "linux", reason="timeout(1) of coreutils")
def test_under_timeout_the_code_is_timeout_s(programs):
    ran = programs.run(TRAIN_FOR_EVER, before=("timeout", "-s", "TERM", "3"))
    assert ran.code == 124
    assert ran.report().epoch_count == 1


def test_an_uncaught_exception_ends_the_program_within_two_seconds(programs):
    # Nothing may hold it up: the driver hangs, the sink hangs, and nobody called stop().
    ran = programs.run(
        HANGING
        + """
        import atexit, time
        raised = []
        atexit.register(lambda: print(time.monotonic() - raised[0]))
        tracker = hang(ct.CarbonTracker(**SETTINGS))
        with tracker.epoch():
            raised.append(time.monotonic())
            raise ValueError("loss is NaN")
        """
    )
    assert ran.code == 1
    assert ran.err.rstrip().endswith("ValueError: loss is NaN")
    assert float(ran.out) < 2
    assert ran.report().epochs[0].failed


HANGING = """
        def hang(tracker):
            for delivery in tracker._session.scribe._deliveries:
                delivery.put(lambda: threading.Event().wait())
            return tracker

        SETTINGS["sinks"] = ["memory"]
"""


@pytest.mark.parametrize("code", [0, 3, 255])
def test_the_exit_code_is_the_program_s(programs, code):
    ran = programs.run(
        f"""
        tracker = ct.CarbonTracker(**SETTINGS)
        with tracker.epoch():
            sys.exit({code})
        """
    )
    assert (ran.code, ran.err) == (code, "")
    assert ran.report().state == "finished"
    assert ran.report().epochs[0].reason == "the body raised SystemExit"


def test_a_tracker_that_is_never_stopped_ends_with_the_interpreter(programs):
    ran = programs.run(
        """
        with ct.CarbonTracker(**SETTINGS).epoch():
            pass
        """
    )
    assert (ran.code, ran.err) == (0, "")
    assert ran.report().state == "finished"


def test_the_default_tracker_ends_with_the_interpreter(programs):
    ran = programs.run(
        """
        ct.configure(**SETTINGS)

        @ct.track_epoch
        def train():
            return 1

        train()
        """
    )
    assert (ran.code, ran.err) == (0, "")
    assert ran.report().epoch_count == 1


def test_os_exit_loses_no_ended_epoch(programs):
    ran = programs.run(
        """
        tracker = ct.CarbonTracker(**SETTINGS)
        for _ in range(3):
            with tracker.epoch():
                pass
        os._exit(4)
        """
    )
    assert ran.code == 4
    assert (ran.report().state, ran.report().epoch_count) == ("interrupted", 3)


def test_an_epoch_while_the_interpreter_ends_runs_its_body(programs):
    ran = programs.run(
        """
        import atexit
        ct.configure(**SETTINGS)

        @ct.track_epoch
        def save():
            print("saved")

        atexit.register(save)
        """
    )
    assert (ran.code, ran.out, ran.err) == (0, "saved\n", "")


def test_daemon_threads_in_the_midst_of_spans_hold_up_no_end(programs):
    ran = programs.run(
        """
        tracker = ct.CarbonTracker(**SETTINGS)
        inside = threading.Semaphore(0)

        def wait():
            with tracker.epoch(), tracker.span("for ever"):
                inside.release()
                threading.Event().wait()

        def work():
            while True:
                with tracker.epoch(), tracker.span("again"):
                    inside.release()

        for each in (wait, work, work):
            threading.Thread(target=each, daemon=True).start()
        for _ in range(50):
            inside.acquire()
        """
    )
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert ran.report().state == "finished"


def test_a_tracker_after_a_crash_measures_on(programs):
    ran = programs.run(
        """
        try:
            with ct.CarbonTracker(**SETTINGS, run_id="first") as tracker, tracker.epoch():
                raise RuntimeError("out of memory")
        except RuntimeError:
            pass
        with ct.CarbonTracker(**SETTINGS, run_id="second") as tracker, tracker.epoch():
            pass
        assert threading.enumerate() == [threading.main_thread()]
        """
    )
    assert (ran.code, ran.err) == (0, "")
    assert {run.run_id: run.epoch_count for run in ran.runs} == {"first": 1, "second": 1}


EVERYTHING = """
import asyncio
SINKS = {"memory": {}, "jsonl": {"path": "events.jsonl"}}
with ct.CarbonTracker(**SETTINGS, epochs=3, epochs_before_pred=1, sinks=SINKS) as tracker:
    for _ in tracker.epochs():
        with ct.span("step"):
            pass

    async def train():
        with ct.epoch():
            await asyncio.sleep(0)

    async def both():
        await asyncio.gather(train(), train())

    asyncio.run(both())
    tracker.report().to_dict()
del tracker
import gc
gc.collect()
"""


@pytest.mark.parametrize(
    "flags",
    [
        ("-W", "error"),
        ("-X", "dev"),
        ("-W", "error", "-X", "dev"),
        ("-W", "error", "-X", "warn_default_encoding"),
        ("-bb",),
        ("-O",),
        ("-OO",),
        ("-E",),
        ("-I",),
    ],
    ids=" ".join,
)
def test_nothing_is_warned_of_in_any_mode_of_the_interpreter(programs, flags):
    ran = programs.run(EVERYTHING, flags=flags)
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_importing_warns_of_nothing(programs):
    ran = programs.run("", flags=("-W", "error"))
    assert (ran.code, ran.err) == (0, "")


PRINTING = """
tracker = ct.CarbonTracker(**{**SETTINGS, "verbose": 2}, epochs=2)
for _ in tracker.epochs():
    pass
sys.exit(tracker.stop().epoch_count)
"""


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_harm_nothing(programs, closed):
    command = " ".join(f"'{part}'" for part in programs.command(PRINTING))
    ended = subprocess.run(
        ["/bin/sh", "-c", f"{command} {closed}"], env=programs.environment(), capture_output=True, text=True, timeout=30
    )
    assert (ended.returncode, ended.stderr) == (2, "")
    assert programs.run("").report().epoch_count == 2


def test_a_reader_of_stdout_that_has_gone_harms_nothing(programs):
    # The print of the program itself would fail here as well: what it gets to see is only its own.
    ran = programs.run(
        """
        import io
        class Gone(io.TextIOBase):
            def write(self, text):
                raise BrokenPipeError(32, "Broken pipe")
        sys.stdout = Gone()
        """
        + indented(PRINTING)
    )
    assert (ran.code, ran.err) == (2, "")


def indented(text):
    return "\n".join("        " + line for line in text.splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on processes")
def test_where_no_thread_can_be_started_the_edges_still_measure(programs):
    ran = programs.run(
        """
        def refuse(*args, **kwargs):
            raise RuntimeError("can't start new thread")

        threading._start_new_thread = refuse
        if hasattr(threading, "_start_joinable_thread"):
            threading._start_joinable_thread = refuse
        with ct.CarbonTracker(**{**SETTINGS, "backends": None}, sinks=["memory"]) as tracker:
            with tracker.epoch():
                result = 5
        assert result == 5
        """
    )
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert any("thread" in warning for warning in ran.report().warnings)
