"""What is kept when the disk takes nothing for long."""

from carbonsdk.journal.backlog import Backlog, Worth


def test_lines_come_out_in_order():
    backlog = Backlog(1000)
    for line in (b"a", b"b", b"c"):
        backlog.append(line, worth=Worth.EPOCH)
    backlog.pop()
    assert list(backlog) == [b"b", b"c"]
    assert backlog.first() == b"b"


def test_details_go_before_epochs_and_the_oldest_first():
    backlog = Backlog(100)
    for n in range(5):
        backlog.append(b"e%d" % n * 5, worth=Worth.EPOCH)
        backlog.append(b"s%d" % n * 5, worth=Worth.DETAIL)
    backlog.append(b"e5" * 5, worth=Worth.EPOCH)  # 110 bytes: down to 75
    assert [line[:2] for line in backlog] == [b"e0", b"e1", b"e2", b"e3", b"e4", b"s4", b"e5"]
    assert backlog.dropped == 4


def test_epochs_go_when_nothing_else_is_left_but_never_the_head():
    backlog = Backlog(100)
    backlog.append(b"h" * 10, worth=Worth.HEAD)
    for n in range(10):
        backlog.append(b"e%d" % n * 5, worth=Worth.EPOCH)
    assert [line[:2] for line in backlog] == [b"hh", b"e4", b"e5", b"e6", b"e7", b"e8", b"e9"]
    assert backlog.dropped == 4


def test_it_takes_bounded_room_whatever_comes():
    backlog = Backlog(1000)
    for n in range(10_000):
        backlog.append(b"x" * 50, worth=Worth(n % 2))
        assert sum(map(len, backlog)) <= 1000 or n < 20
