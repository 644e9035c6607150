import pytest

from carbonsdk.errors import SettingsError
from carbonsdk.model import DeviceKind
from carbonsdk.sinks import model_card

BLOCK = """\
co2_eq_emissions:
  emissions: 0.6
  source: "carbonsdk 0.1.0, energy integrated, grid intensity by Ember, 2024"
  geographical_location: "DE"
  hardware_used: "1 x Xeon 2.20GHz, 1 x A100"
"""


@pytest.fixture
def finish(make_sink, story):
    """Return a function that writes the card of a run of 0.6 g."""

    def finish(path, **settings):
        story.epoch(1)
        make_sink(model_card, path=path, **settings).handle(story.finished())
        return path.read_text()

    return finish


def test_a_path_must_be_given(make_sink):
    with pytest.raises(SettingsError, match="set its `path`"):
        make_sink(model_card)


def test_a_file_of_its_own_holds_the_block(tmp_path, finish):
    assert finish(tmp_path / "cards" / "emissions.yaml") == BLOCK


def test_a_new_card_gets_front_matter(tmp_path, finish):
    assert finish(tmp_path / "README.md") == f"---\n{BLOCK}---\n"


def test_front_matter_keeps_its_other_keys_and_the_text_below(tmp_path, finish):
    card = tmp_path / "README.md"
    card.write_text("---\nlicense: mit  # mine\ntags:\n- a\n---\n# A model\n\n---\nco2_eq_emissions: not this one\n")

    assert finish(card) == (
        f"---\nlicense: mit  # mine\ntags:\n- a\n{BLOCK}---\n# A model\n\n---\nco2_eq_emissions: not this one\n"
    )


def test_the_empty_mapping_of_a_fresh_template_makes_room(tmp_path, finish):
    card = tmp_path / "README.md"
    card.write_text("---\n# For reference, see the guide\n{}\n---\n# Model card\n")

    assert finish(card) == f"---\n# For reference, see the guide\n{BLOCK}---\n# Model card\n"


def test_metadata_in_braces_is_left_alone_and_told(tmp_path, finish):
    card = tmp_path / "README.md"
    card.write_text("---\n{license: mit}\n---\ntext\n")

    with pytest.raises(ValueError, match="a mapping in braces"):
        finish(card)

    assert card.read_text() == "---\n{license: mit}\n---\ntext\n"


@pytest.mark.parametrize(
    ("kinds", "hardware"), [((DeviceKind.MEMORY, DeviceKind.CPU), "1 x cpu"), ((DeviceKind.MEMORY,), "1 x memory")]
)
def test_memory_is_hardware_only_where_nothing_else_was_measured(tmp_path, make_sink, story, kinds, hardware):
    story.epoch(1, joules={story.device(f"{kind}-0", kind, kind.value): 100.0 for kind in kinds})
    card = tmp_path / "README.md"

    make_sink(model_card, path=card).handle(story.finished())

    assert f'  hardware_used: "{hardware}"\n' in card.read_text()


@pytest.mark.parametrize(
    "old",
    ["co2_eq_emissions: 12\n", "co2_eq_emissions:\n  emissions: 1\n\n  source: x\n", 'co2_eq_emissions:\n    source: "y"\n'],
)
def test_an_older_block_is_replaced_in_its_place(tmp_path, finish, old):
    card = tmp_path / "README.md"
    card.write_text(f"---\nlicense: mit\n{old}\ntags: [a]\n---\ntext")

    assert finish(card) == f"---\nlicense: mit\n{BLOCK}\ntags: [a]\n---\ntext"


def test_writing_twice_changes_nothing_more(tmp_path, finish, make_sink, story):
    once = finish(tmp_path / "README.md")

    make_sink(model_card, path=tmp_path / "README.md").handle(story.finished())

    assert (tmp_path / "README.md").read_text() == once


def test_a_card_without_front_matter_keeps_its_text(tmp_path, finish):
    card = tmp_path / "README.md"
    card.write_text("# A model\n")

    assert finish(card) == f"---\n{BLOCK}---\n# A model\n"


def test_a_rule_at_the_top_is_not_front_matter(tmp_path, finish):
    card = tmp_path / "README.md"
    card.write_text("---\nA rule above, no end.\n")

    assert finish(card) == f"---\n{BLOCK}---\n---\nA rule above, no end.\n"


def test_windows_line_ends_stay(tmp_path, finish):
    card = tmp_path / "README.md"
    card.write_bytes(b"---\r\nlicense: mit\r\n---\r\ntext\r\n")

    finish(card)

    content = card.read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n") == 9


def test_values_are_quoted_so_that_yaml_reads_them_as_text(tmp_path, finish):
    text = finish(tmp_path / "card.yaml", training_type='fine-tuning: "yes" \\ # \n no')

    assert '  training_type: "fine-tuning: \\"yes\\" \\\\ # \\n no"\n' in text


def test_emissions_are_a_plain_number_however_small(tmp_path, make_sink, story):
    story.epoch(1, joules={story.cpu: 0.001})

    make_sink(model_card, path=tmp_path / "card.yaml").handle(story.finished())

    assert "  emissions: 0.000000111111\n" in (tmp_path / "card.yaml").read_text()


def test_unknown_emissions_leave_the_card_alone(tmp_path, make_sink, story, caplog):
    card = tmp_path / "README.md"
    card.write_text("# A model\n")
    story.epoch(1, joules={story.cpu: None})

    make_sink(model_card, path=card).handle(story.finished())

    assert card.read_text() == "# A model\n"
    assert "unknown" in caplog.text


def test_only_rank_zero_writes_and_says_that_it_is_alone(tmp_path, make_sink, make_story):
    for rank in (1, 0):
        story = make_story(rank=rank, world_size=2)
        story.epoch(1)
        make_sink(model_card, path=tmp_path / f"{rank}.yaml").handle(story.finished())

    assert not (tmp_path / "1.yaml").exists()
    assert "rank 0 of 2 alone" in (tmp_path / "0.yaml").read_text()


def test_a_link_stays_a_link_and_the_mode_stays(tmp_path, finish):
    real = tmp_path / "real.md"
    real.write_text("text\n")
    real.chmod(0o600)
    link = tmp_path / "README.md"
    link.symlink_to(real)

    finish(link)

    assert link.is_symlink()
    assert real.read_text().endswith("text\n")
    assert real.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "real.md"]


def test_a_card_that_is_not_text_is_left_alone(tmp_path, make_sink, story):
    card = tmp_path / "README.md"
    card.write_bytes(b"\xff\xfe")
    story.epoch(1)

    with pytest.raises(UnicodeDecodeError):
        make_sink(model_card, path=card).handle(story.finished())

    assert card.read_bytes() == b"\xff\xfe"
