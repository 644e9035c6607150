"""The demo's text is the standard library's own."""

import numpy as np
import pytest

from carbonsdk.demo import corpus


def test_text_becomes_indices_into_the_alphabet():
    assert corpus.encode("\n ~é").tolist() == [0, 1, 95, corpus.UNKNOWN]


def test_the_same_text_is_read_every_time():
    first, second = corpus.read(symbols=100_000), corpus.read(symbols=100_000)
    assert np.array_equal(first.training, second.training)
    assert np.array_equal(first.validation, second.validation)


def test_no_more_symbols_are_taken_than_asked_for():
    read = corpus.read(symbols=300_000)
    assert len(read.training) + len(read.validation) == 300_000


def test_every_tenth_file_is_kept_for_validation(tmp_path):
    for index in range(10):
        (tmp_path / f"module_{index}.py").write_text(chr(ord("a") + index) * 3)
    read = corpus.read(folder=tmp_path)
    assert read.validation.tolist() == corpus.encode("jjj").tolist()
    assert len(read.training) == 27
    assert read.files == 10


def test_a_machine_without_the_source_text_is_told_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="source text is not on this machine"):
        corpus.read(folder=tmp_path)
