import pytest

from carbonsdk.backends.nvml.visible import Board, named, visible

A = Board(index=0, uuid="GPU-aaaa1111-0000", bus_id="00000000:01:00.0", name="H100")
B = Board(index=1, uuid="GPU-aaaa2222-0000", bus_id="00000000:41:00.0", name="H100")
C = Board(index=2, uuid="GPU-cccc3333-0000", bus_id="00000000:81:00.0", name="H100")
BOARDS = [A, B, C]

SPLIT = Board(index=0, uuid="GPU-split", name="A100", mig=True, instances=("MIG-1111-a", "MIG-1122-b"))
WHOLE = Board(index=1, uuid="GPU-whole", name="A100", mig=True, instances=("MIG-3333-c",))


def seen(listed, boards=BOARDS, **environ):
    if listed is not None:
        environ["CUDA_VISIBLE_DEVICES"] = listed
    return list(visible(boards, environ).boards)


def test_unset_shows_every_board():
    assert seen(None) == BOARDS


@pytest.mark.parametrize("listed", ["", " ", "-1", "NoDevFiles", "none", ",0", "٣", "٠"])
def test_empty_or_invalid_from_the_start_shows_none(listed):
    assert seen(listed) == []


@pytest.mark.parametrize(
    ("listed", "boards"),
    [
        ("0", [A]),
        ("2,0", [C, A]),
        (" 1 , 2 ", [B, C]),
        ("+1", [B]),
        ("1gpu,2", [B, C]),  # read as strtoul reads it
        ("0,1,2", [A, B, C]),
    ],
)
def test_integers_count_boards_in_their_order(listed, boards):
    assert seen(listed) == boards


@pytest.mark.parametrize(("listed", "boards"), [("0,7,1", [A]), ("0,-1,1", [A]), ("0,,1", [A]), ("1,x,0", [B]), ("3", [])])
def test_an_invalid_entry_hides_itself_and_all_that_follow(listed, boards):
    assert seen(listed) == boards


@pytest.mark.parametrize("listed", ["0,0", "1,0,1", "GPU-cccc,GPU-cccc3333-0000", "MIG-1111-a,MIG-1111-a"])
def test_a_device_named_twice_shows_none(listed):
    assert seen(listed, [SPLIT, *BOARDS]) == []


def test_a_whole_uuid_names_its_board():
    assert seen("GPU-cccc3333-0000,GPU-aaaa1111-0000") == [C, A]


def test_a_unique_prefix_of_a_uuid_suffices():
    assert seen("GPU-c,GPU-aaaa2") == [C, B]


def test_an_ambiguous_prefix_is_invalid_and_hides_what_follows():
    assert seen("GPU-c,GPU-aaaa,GPU-aaaa1") == [C]


def test_an_unknown_uuid_hides_what_follows():
    assert seen("GPU-aaaa1,GPU-ffff,GPU-c") == [A]


def test_one_list_holds_one_sort_of_entry():
    assert seen("GPU-c,0,GPU-aaaa1") == [C]
    assert seen("0,GPU-c") == [A]


def test_a_mig_instance_maps_to_its_board():
    assert seen("MIG-3333-c", [SPLIT, WHOLE]) == [WHOLE]


def test_two_instances_of_a_board_count_it_once():
    assert seen("MIG-1111-a,MIG-1122-b,MIG-3333-c", [SPLIT, WHOLE]) == [SPLIT, WHOLE]


def test_an_old_mig_name_holds_the_uuid_of_its_board():
    assert seen("MIG-GPU-split/7/0,MIG-GPU-split/8/0", [SPLIT, WHOLE]) == [SPLIT]


def test_an_unknown_mig_instance_hides_what_follows():
    assert seen("MIG-9,MIG-3333-c", [SPLIT, WHOLE]) == []


SLOW = Board(index=0, uuid="GPU-slow", name="GT 1030", speed=1.0)
FAST = Board(index=1, uuid="GPU-fast", name="RTX 4090", speed=9.0)


def test_the_fastest_board_is_number_0_by_default_which_is_a_guess():
    selection = visible([SLOW, FAST], {"CUDA_VISIBLE_DEVICES": "0"})
    assert selection.boards == (FAST,)
    assert "guess" in selection.note


def test_pci_order_is_certain():
    selection = visible([SLOW, FAST], {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"})
    assert selection.boards == (SLOW,)
    assert selection.note is None


def test_equal_boards_stay_in_pci_order_whatever_the_order_setting():
    selection = visible(BOARDS, {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "FASTEST_FIRST"})
    assert selection.boards == (B,)
    assert selection.note is None


def test_all_boards_by_number_are_no_guess():
    assert visible([SLOW, FAST], {"CUDA_VISIBLE_DEVICES": "1,0"}).note is None


def test_what_hides_all_is_named():
    assert visible(BOARDS, {"CUDA_VISIBLE_DEVICES": ""}).hidden_by == "CUDA_VISIBLE_DEVICES=''"
    assert visible(BOARDS, {"NVIDIA_VISIBLE_DEVICES": "none"}).hidden_by == "NVIDIA_VISIBLE_DEVICES=none"


@pytest.mark.parametrize(
    ("asked", "boards"),
    [
        ("all", BOARDS),
        ("void", BOARDS),
        ("", BOARDS),
        ("none", []),
        ("GPU-cccc3333-0000", [C]),
        ("0,2", [A, C]),
        ("5,6,7", BOARDS),  # as many as are here: the runtime has renumbered what it mounted
        ("nvidia.com/gpu=0", BOARDS),  # says nothing that can be matched
    ],
)
def test_a_container_that_shows_more_than_it_asked_for_is_narrowed(asked, boards):
    assert seen(None, NVIDIA_VISIBLE_DEVICES=asked) == boards


def test_an_instance_by_number_mounts_its_board():
    assert seen(None, [SPLIT, WHOLE], NVIDIA_VISIBLE_DEVICES="1:0") == [WHOLE]


def test_cuda_counts_what_the_container_shows():
    assert seen("0", NVIDIA_VISIBLE_DEVICES="GPU-cccc3333-0000,GPU-aaaa2222-0000") == [B]


@pytest.mark.parametrize("device", ["2", "GPU-cccc3333-0000", "GPU-c", "00000000:81:00.0", "0000:81:00.0"])
def test_a_user_names_a_board_by_index_uuid_or_bus_id(device):
    assert named(BOARDS, [device]).boards == (C,)


def test_a_user_names_a_mig_instance():
    assert named([SPLIT, WHOLE], ["MIG-3333-c", "MIG-GPU-split/1/0", "MIG-1111-a"]).boards == (WHOLE, SPLIT)


def test_an_empty_name_fits_no_board():
    with pytest.raises(LookupError):
        named([A], [""])


def test_all_is_every_board():
    assert named(BOARDS, ["all"]).boards == (A, B, C)


@pytest.mark.parametrize("device", ["9", "GPU-aaaa", "GPU-ffff", "0000:99:00.0"])
def test_a_name_of_no_or_several_boards_is_refused(device):
    with pytest.raises(LookupError):
        named(BOARDS, [device])
    with pytest.raises(LookupError):
        named([], [device])
