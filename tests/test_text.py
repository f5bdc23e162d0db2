"""Lists, counts and spans in words: the examples beside the functions, and what is long."""

import doctest

from versectl import text


def test_the_examples_are_right():
    assert doctest.testmod(text).failed == 0


def test_what_just_fits_is_shown_whole_and_one_more_line_leaves_room_to_say_so():
    assert text.fitting([*"abcd"], 4) == (["a", "b", "c", "d"], 0)
    assert text.fitting([*"abcde"], 4) == (["a", "b", "c"], 2)


def test_a_list_says_how_many_names_it_leaves_out():
    assert text.first_few([*"abc"], 3) == "a, b, c"
    assert text.first_few([*"abcd"], 3) == "a, b, c and 1 more"


def test_a_span_of_one_level_is_that_level():
    assert text.span(["T13"]) == "T13"
