"""Where a record and results go: odd names, no room, and places that vanish."""

import csv
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import carbonsdk as ct

BASE = {"backends": {"replay": {"watts": {"cpu": 100}}}, "zone": "DE", "offline": True, "verbose": 0}


@pytest.mark.parametrize("name", ["with spaces", "with %s and %(name)s", "mit Ümläuten", "100%", "~", "$HOME", "a\nb"])
def test_a_state_directory_of_any_name_is_read_again(tmp_path, name):
    place = tmp_path / name
    with ct.CarbonTracker(**BASE, state_dir=place, sinks={"csv": {"path": place / "out.csv"}}) as tracker, tracker.epoch():
        pass
    assert ct.runs.load(tracker.run_id, place).epoch_count == 1
    assert (place / "out.csv").exists()


def test_a_percent_sign_in_the_environment_is_a_percent_sign(programs):
    ran = programs.run(
        """
        with ct.CarbonTracker(**SETTINGS) as tracker, tracker.epoch():
            pass
        """,
        environ={"CARBONSDK_NAME": "50% of 100%(x)s", "CARBONSDK_LOG_FILE_PREFIX": "%d"},
    )
    assert (ran.code, ran.err) == (0, "")
    assert ran.report().name == "50% of 100%(x)s"


FULL_DISK = """
import resource
# The process may write 3 kB into any file: the disk is full as far as it can tell.
with ct.CarbonTracker(**SETTINGS) as tracker:
    tracker.await_devices()
    with tracker.epoch():
        pass
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, resource.RLIM_INFINITY))
    for _ in range(50):
        with tracker.epoch():
            pass
    told = [text for text in tracker.report().warnings if "cannot write the record" in text]
    assert len(told) == 1, told
    if ROOM:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert tracker.report().epoch_count == 51
"""


def test_a_disk_that_is_full_for_a_while_loses_nothing(programs):
    pytest.importorskip("resource")
    ran = programs.run("ROOM = True" + FULL_DISK)
    assert (ran.code, ran.err) == (0, "")
    assert (ran.report().state, ran.report().epoch_count) == ("finished", 51)


def test_a_disk_that_stays_full_keeps_what_was_written(programs):
    pytest.importorskip("resource")
    ran = programs.run("ROOM = False" + FULL_DISK)
    assert (ran.code, ran.err) == (0, "")
    assert ran.report().state == "interrupted"
    assert 1 <= ran.report().epoch_count < 51


SMALL_DISK = """
ballast = os.path.join(os.environ["CARBONSDK_STATE_DIR"], "ballast")
tracker = ct.CarbonTracker(**SETTINGS)
for number in range(2_600):
    if number == 50:
        with open(ballast, "wb", buffering=0) as file:
            try:
                while file.write(b"x" * 64):
                    pass
            except OSError as error:
                print(error.strerror)
    if number == 2_500:
        os.unlink(ballast)
    with tracker.epoch():
        pass
report = tracker.stop()
read = ct.runs.load(tracker.run_id, os.environ["CARBONSDK_STATE_DIR"])
print(len([text for text in report.warnings if "cannot write the record" in text]))
print(*([epoch.number for epoch in each.epochs] == list(range(2_600)) for each in (report, read)), read.state)
"""


def test_a_real_disk_that_is_full_for_a_while_loses_nothing(programs):
    programs.state.mkdir()
    mount = ("unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"', str(programs.state))
    try:
        mounted = subprocess.run([*mount, "true"], capture_output=True, timeout=30)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if mounted.returncode != 0:
        pytest.skip("no disk may be mounted here")
    ran = programs.run(SMALL_DISK, before=mount)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == ["No space left on device", "1", "True True finished"]


def test_a_state_directory_that_cannot_be_is_told_once_and_the_run_goes_on(tmp_path):
    (tmp_path / "file").write_text("")
    with ct.CarbonTracker(**BASE, state_dir=tmp_path / "file" / "state") as tracker:
        for _ in range(3):
            with tracker.epoch():
                pass
    report = tracker.report()
    assert report.epoch_count == 3
    assert len([text for text in report.warnings if "cannot write the record" in text]) == 1


@pytest.fixture
def read_only():
    """A directory that lies open, in which nobody but root may write."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o555)
        yield Path(place)
        Path(place).chmod(0o755)


def test_directories_that_are_read_only_are_told_once_each_and_the_run_goes_on(programs, read_only):
    ran = programs.run(
        f"""
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            os.seteuid(65534)  # root may write anywhere
        place = {str(read_only)!r}
        SINKS = {{"csv": {{"path": place + "/a.csv"}}, "jsonl": {{"path": place + "/a.jsonl"}}}}
        with ct.CarbonTracker(**SETTINGS, state_dir=place + "/state", log_dir=place, sinks=SINKS) as tracker:
            for _ in range(5):
                with tracker.epoch():
                    pass
        report = tracker.report()
        assert report.epoch_count == 5 and report.energy.joules > 0
        for what in ("cannot write the record", "sink csv", "sink jsonl"):
            told = [text for text in report.warnings if what in text and "lost" not in text]
            assert len(told) == 1 and "Permission denied" in told[0], (what, report.warnings)
        """
    )
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert list(read_only.iterdir()) == []


def test_a_state_directory_that_vanishes_is_made_anew(tmp_path):
    with ct.CarbonTracker(**BASE, state_dir=tmp_path / "state") as tracker:
        with tracker.epoch():
            pass
        shutil.rmtree(tmp_path / "state")
        with tracker.epoch() as epoch:
            pass
    assert epoch.report.number == 1
    read = ct.runs.load(tracker.run_id, tmp_path / "state")
    assert [each.number for each in read.epochs] == [1]
    assert read.state == "finished"


def test_a_working_directory_that_was_deleted_harms_nothing(programs):
    ran = programs.run(
        """
        import tempfile
        place = tempfile.mkdtemp()
        os.chdir(place)
        os.rmdir(place)
        with ct.CarbonTracker(**SETTINGS) as tracker, tracker.epoch():
            pass
        """
    )
    assert (ran.code, ran.err) == (0, "")
    assert ran.report().epoch_count == 1


def test_who_has_no_home_is_told_to_choose_a_place_and_the_run_goes_on(programs):
    # A container that runs under any number: nobody of it is in /etc/passwd, and nothing sets HOME.
    ran = programs.run(
        """
        import pwd
        def unknown(uid):
            raise KeyError(uid)
        pwd.getpwuid = unknown
        for name in ("HOME", "CARBONSDK_STATE_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
            os.environ.pop(name, None)
        if os.geteuid() == 0:
            os.seteuid(65534)  # root may write anywhere
        with ct.CarbonTracker(**SETTINGS) as tracker, tracker.epoch():
            pass
        report = tracker.report()
        assert report.epoch_count == 1 and report.energy.joules > 0
        (told,) = [text for text in report.warnings if "cannot write the record" in text]
        assert "state_dir" in told, told
        assert not ct.runs.list()
        """
    )
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert [path.name for path in programs.place.iterdir()] == ["train.py"]


def test_a_program_that_embeds_python_without_arguments_is_measured(programs):
    ran = programs.run(
        """
        del sys.argv
        with ct.CarbonTracker(**SETTINGS) as tracker, tracker.epoch():
            pass
        """
    )
    assert (ran.code, ran.err) == (0, "")
    assert ran.report().epoch_count == 1


def test_nothing_is_written_into_the_working_directory(programs):
    ran = programs.run(
        """
        with ct.CarbonTracker(**SETTINGS) as tracker, tracker.epoch():
            pass
        """
    )
    assert ran.code == 0
    assert {path.name for path in programs.place.iterdir()} <= {"train.py", "state", ".cache", ".config"}


def test_two_runs_at_once_on_one_host_need_no_lock(programs):
    source = """
    with ct.CarbonTracker(**SETTINGS, sinks={"csv": {"path": "both.csv"}}) as tracker:
        for _ in range(20):
            with tracker.epoch():
                pass
    """
    with programs.start(source) as one, programs.start(source) as other:
        assert [one.communicate(timeout=30)[1], other.communicate(timeout=30)[1]] == ["", ""]
        assert (one.returncode, other.returncode) == (0, 0)
    with (programs.place / "both.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert [len(row) for row in rows] == [len(header)] * 40
    runs = ct.runs.list(programs.state)
    assert [run.epoch_count for run in runs] == [20, 20]


def test_a_program_that_goes_elsewhere_leaves_its_files_where_they_were_begun(programs):
    # Hydra does so with every run.
    ran = programs.run(
        """
        SINKS = {"csv": {"path": "a.csv"}, "jsonl": {"path": "a.jsonl"}, "emissions_csv": {"path": "runs/e.csv"}}
        places = {"state_dir": "state", "log_dir": "logs", "sinks": SINKS}
        with ct.CarbonTracker(**SETTINGS, **places) as tracker:
            os.mkdir("elsewhere")
            os.chdir("elsewhere")
            for _ in range(3):
                with tracker.epoch():
                    pass
        assert not tracker.report().warnings, tracker.report().warnings
        assert ct.runs.load(tracker.report().record).epoch_count == 3
        """
    )
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert list((programs.place / "elsewhere").iterdir()) == []
    assert len((programs.place / "a.csv").read_text().splitlines()) == 1 + 3
    assert (programs.place / "a.jsonl").exists()
    assert (programs.place / "runs" / "e.csv").exists()
    assert len(list((programs.place / "logs").iterdir())) == 2


def test_a_program_that_closes_every_file_keeps_those_that_it_opens_then_to_itself(programs):
    # As one does that becomes a daemon: what it opens next gets the numbers that the record and the counters had.
    ran = programs.run(
        """
        with ct.CarbonTracker(**SETTINGS) as tracker:
            with tracker.epoch():
                pass
            os.closerange(3, 256)
            theirs = [open(f"theirs-{number}", "w+") for number in range(20)]
            for _ in range(3):
                with tracker.epoch():
                    pass
        assert not tracker.report().warnings, tracker.report().warnings
        for file in theirs:
            file.write("theirs")
            file.seek(0)
            assert file.read() == "theirs"
        """
    )
    assert (ran.code, ran.err) == (0, "")
    assert (ran.report().state, ran.report().epoch_count) == ("finished", 4)
