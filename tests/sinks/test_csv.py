import csv as csv_format
import subprocess
import sys

import pytest

from carbonsdk.errors import SettingsError
from carbonsdk.events import EpochCorrected
from carbonsdk.sinks import csv
from carbonsdk.sinks._csv import COLUMNS


def rows(path):
    with path.open(newline="") as file:
        return list(csv_format.DictReader(file))


def test_a_path_must_be_given(make_sink):
    with pytest.raises(SettingsError, match="set its `path`"):
        make_sink(csv)


def test_every_epoch_is_a_row_with_its_energy_by_kind(tmp_path, make_sink, story):
    path = tmp_path / "logs" / "my epochs.csv"
    sink = make_sink(csv, path=path)

    for event in story.whole():
        sink.handle(event)

    first, second = rows(path)
    assert (first["epoch"], second["epoch"]) == ("1", "2")
    assert float(first["energy_joules"]) == 5400.0
    assert float(first["energy_kwh"]) == pytest.approx(0.0015)
    assert (first["cpu_joules"], first["gpu_joules"], first["memory_joules"]) == ("1800.0", "3600.0", "")
    assert float(first["uncertainty_joules"]) == pytest.approx(1800 * 0.01 + 3600 * 0.05)
    assert first["quality"] == "integrated"
    assert float(first["co2eq_grams"]) == pytest.approx(0.6)
    assert float(first["average_watts"]) == pytest.approx(540.0)
    assert first["zone"] == "DE"


def test_unknown_energy_is_empty_and_has_its_reason(tmp_path, make_sink, story):
    sink = make_sink(csv, path=tmp_path / "epochs.csv")

    sink.handle(story.epoch(1, joules={story.cpu: None}))

    (row,) = rows(tmp_path / "epochs.csv")
    assert (row["energy_joules"], row["co2eq_grams"], row["cpu_joules"]) == ("", "", "")
    assert (row["partial"], row["reason"], row["quality"]) == ("false", "denied", "missing")


def test_a_correction_is_a_row_that_says_so(tmp_path, make_sink, story):
    sink = make_sink(csv, path=tmp_path / "epochs.csv")

    sink.handle(story.epoch(1, provisional=True))
    sink.handle(EpochCorrected(story.run, story.epoch(1).report))

    assert [(row["provisional"], row["corrects"]) for row in rows(tmp_path / "epochs.csv")] == [
        ("true", "false"),
        ("false", "true"),
    ]


def test_a_name_with_commas_quotes_and_line_ends_stays_one_row(tmp_path, make_sink, make_story):
    story = make_story(name='a "b", c\nd')
    sink = make_sink(csv, path=tmp_path / "epochs.csv")

    sink.handle(story.epoch(1))

    (row,) = rows(tmp_path / "epochs.csv")
    assert row["run_name"] == 'a "b", c\nd'


def test_an_older_file_with_other_columns_is_left_alone_and_a_sibling_is_used(tmp_path, make_sink, story, caplog):
    older = tmp_path / "epochs.csv"
    older.write_text("epoch,energy\n1,2\n")
    sink = make_sink(csv, path=older)

    sink.handle(story.epoch(1))
    sink.handle(story.epoch(2))

    assert older.read_text() == "epoch,energy\n1,2\n"
    assert len(rows(tmp_path / "epochs-2.csv")) == 2
    assert len([record for record in caplog.records if "other columns" in record.getMessage()]) == 1


def test_a_torn_last_line_of_another_writer_stays_a_line_of_its_own(tmp_path, make_sink, story):
    path = tmp_path / "epochs.csv"
    sink = make_sink(csv, path=path)
    sink.handle(story.epoch(1))
    with path.open("a") as file:
        file.write("1,torn")

    sink.handle(story.epoch(2))

    *_, torn, last = path.read_text().splitlines()
    assert torn == "1,torn"
    assert len(last.split(",")) == len(COLUMNS)


def test_a_full_disk_is_told_to_the_engine(make_sink, story, tmp_path):
    full = tmp_path / "full.csv"
    full.symlink_to("/dev/full")
    sink = make_sink(csv, path=full)

    with pytest.raises(OSError, match="No space left"):
        sink.handle(story.epoch(1))


def test_a_row_that_only_half_fits_is_taken_back(tmp_path):
    # A limit on the size of files gives a short write, as a disk does that fills up in mid-row.
    script = """
import logging, resource, signal, sys
from pathlib import Path
from carbonsdk.sinks._appending import Table
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
table = Table(Path(sys.argv[1]), header=["a", "b"], log=logging.getLogger())
table.append(["1", "2"])
resource.setrlimit(resource.RLIMIT_FSIZE, (12, 12))
try:
    table.append(["123456", "123456"])
except OSError as error:
    print("told:", error.strerror)
"""
    path = tmp_path / "rows.csv"

    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("told: only a part")
    assert path.read_text() == "a,b\n1,2\n"


def test_many_processes_append_to_one_file_with_one_header(tmp_path):
    script = """
import logging, sys
from pathlib import Path
from carbonsdk.sinks._appending import Table
table = Table(Path(sys.argv[1]), header=["who", "what"], log=logging.getLogger())
sys.stdin.read()
for number in range(200):
    table.append([sys.argv[2], "x" * 300 + str(number)])
"""
    path = tmp_path / "rows.csv"
    writers = [subprocess.Popen([sys.executable, "-c", script, path, str(each)], stdin=subprocess.PIPE) for each in range(4)]
    for writer in writers:
        writer.stdin.close()  # the starting gun
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]

    lines = path.read_text().splitlines()
    assert lines[0] == "who,what"
    assert sorted(lines[1:]) == sorted(f"{who},{'x' * 300}{number}" for who in range(4) for number in range(200))
