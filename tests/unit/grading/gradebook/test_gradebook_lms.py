"""Filling a Canvas or Moodle export: one column changes, and no other byte."""

from __future__ import annotations

import pytest

from labctl.errors import UsageError
from labctl.grading.gradebook import lms
from labctl.grading.gradebook.delimited import Encoding, rows
from labctl.grading.gradebook.model import Gradebook
from tests.gradebooks import demo, entry

CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Lab 1 (4711),Lab 2 (4712),Current Score\r\n"
    ",,,,,,Manual Posting,\r\n"
    "    Points Possible,,,,,10.00,20.00,(read only)\r\n"
    '"Lovelace, Ada",1,u1,ada,"Mon, 10h",,,"93,5"\r\n'
    '"O""Hara, Bert",2,u2,Bert@example.org,Mon,"",3.00,50\r\n'
    "Chen,3,chen,xyz,Mon,EX,,50\r\n"
    "Dora,4,u4,dora,Mon,N/A,,50\r\n"
    "Emil,5,u5,emil,Mon,7,,50\r\n"
    '="=cmd",6,u6,other,Mon,,,50\r\n'
    '"Student, Test",7,,5a3f,Mon,,,\r\n'
)
FOUND = {
    "ada": 10,
    "bert@EXAMPLE.org": 9,
    "chen": 5,
    "dora": 4,
    "emil": lms.REGRADE,
    "nobody": 3,
}


def fill(text=CANVAS, system=lms.CANVAS, column="Lab 1", found=FOUND, worth=10, **more):
    data = text if isinstance(text, bytes) else text.encode()
    return lms.fill(data, system, column, found, worth, **more)


def test_canvas_gets_one_column_and_keeps_every_other_byte():
    expected = (
        CANVAS.replace('"Mon, 10h",,', '"Mon, 10h",10,')
        .replace('Bert@example.org,Mon,"",', 'Bert@example.org,Mon,"9",')
        .replace("emil,Mon,7,", "emil,Mon,,")
    )
    assert fill().data.decode() == expected


def test_canvas_lists_who_was_left_out_and_why():
    filled = fill()
    assert filled.filled == 2
    assert dict(filled.left) == {
        "chen": "stays EX, as in the export",
        "dora": "stays N/A, as in the export",
        "emil": lms.REGRADE,
        "nobody": "is not in the export",
    }
    assert filled.others == ("u6", "5a3f")
    assert filled.remarks == ()


def test_other_points_in_canvas_are_told():
    assert fill(worth=20).remarks == ("Canvas gives 10.00 points for this column, the lab has 20.",)
    assert fill(CANVAS.replace("10.00", '"12,5"'), worth=12).remarks
    assert fill(CANVAS.replace("10.00", '"10,00"')).remarks == ()


def test_a_read_only_column_is_refused():
    with pytest.raises(UsageError, match="read-only"):
        fill(column="Current Score")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_marks_separators_and_line_ends_stay(mark, end, separator):
    lines = [
        separator.join(cells)
        for cells in (
            ("Student", "SIS Login ID", "Lab 1 (1)", "Note"),
            ("Zoë", "ada", "", "=1+1"),
            ("B", "bo", "2", ""),
        )
    ]
    before = mark + end.join(lines).encode()  # the last line has no end
    after = before.replace(
        separator.join(("ada", "", "=1")).encode(), separator.join(("ada", "10", "=1")).encode()
    )
    assert fill(before, found={"ada": 10}).data == after != before


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_stays(codec):
    before = ("\ufeff" + CANVAS).encode(codec)
    filled = fill(before)
    assert filled.filled == 2
    assert filled.data.decode(codec).startswith("\ufeffStudent")
    assert len(filled.data) == len(before) + 2 * 2  # "10", "9" came; "7" went


def test_bytes_that_are_no_utf_8_stay():
    before = CANVAS.encode().replace(b"Emil", b"\x9d\xe9mil")
    assert b"\x9d\xe9mil" in fill(before).data


def test_an_untouched_export_is_the_same():
    assert fill(found={}).data == CANVAS.encode()


def test_a_row_that_ends_early_is_filled_up():
    text = "Student,SIS Login ID,Section,Lab 1\nA,ada\nB,bo,Mon\nC,cy,Mon,\n"
    found = {"ada": 1, "bo": 2, "cy": 3}
    assert fill(text, found=found).data.decode() == (
        "Student,SIS Login ID,Section,Lab 1\nA,ada,,1\nB,bo,Mon,2\nC,cy,Mon,3\n"
    )


def test_quotes_line_ends_and_separators_inside_cells_are_no_structure():
    text = 'Student,SIS Login ID,Lab 1\n"A, ""the first""\r\nof all",ada,\n'
    filled = fill(text, found={"ada": 5})
    assert filled.data.decode() == text[:-1] + "5\n"


def test_nobody_is_guessed():
    text = (
        "Student,SIS User ID,SIS Login ID,Lab 1\n"
        "A,ada,x,\n"
        "B,y,ada,\n"  # ada is in two rows
        "C,bo,cy,\n"  # one row fits two learners
        "Dora Lee,z,dlee,\n"  # only the name would fit
    )
    filled = fill(text, found={"ada": 1, "bo": 2, "cy": 3, "Dora Lee": 4})
    assert filled.filled == 0
    assert filled.data.decode() == text
    assert dict(filled.left) == {
        "ada": "fits several rows of the export",
        "bo": "shares the row of bo with another learner",
        "cy": "shares the row of bo with another learner",
        "Dora Lee": "is not in the export",
    }


MOODLE = (
    "Vorname;Nachname;ID-Nummer;E-Mail-Adresse;Aufgabe: Lab 1 (Punkte);Zuletzt geladen\n"
    "Ada;Lovelace;4711;ada@example.org;-;1700000000\n"
    "Bert;O'Hara;4712;bert@example.org;-;1700000000\n"
)


def test_moodle_in_another_language_takes_the_column_by_name():
    filled = fill(MOODLE, lms.MOODLE, "Aufgabe: Lab 1", {"4711": 8}, by="ID-Nummer")
    assert filled.data.decode() == MOODLE.replace("ada@example.org;-", "ada@example.org;8")
    with pytest.raises(UsageError) as caught:
        fill(MOODLE, lms.MOODLE, "Aufgabe: Lab 1", {"4711": 8})
    assert "ID-Nummer" in caught.value.details
    assert "--by" in caught.value.resolution


def test_moodle_finds_learners_by_number_or_address_also_from_the_roster():
    text = (
        "First name,Last name,ID number,Email address,Assignment: Lab 1 (Real)\n"
        "Ada,Lovelace,4711,ada@example.org,-\n"
        "Bert,O'Hara,,Bert@Example.org,-\n"
        "Cy,Young,,cy@example.org,-\n"
    )
    found = {"4711": 8, "bert@example.org": 7, "cyoung": 6}
    filled = fill(
        text, lms.MOODLE, "Assignment: Lab 1 (Real)", found, aliases={"cyoung": ("cy@example.org",)}
    )
    assert filled.left == ()
    assert [line.split(",")[-1] for line in filled.data.decode().splitlines()[1:]] == [
        "8",
        "7",
        "6",
    ]


def test_an_address_that_two_learners_share_fits_nobody():
    text = "Email address,Lab 1\nx@example.org,-\n"
    aliases = {"a": ("x@example.org",), "b": ("x@example.org",)}
    filled = fill(text, lms.MOODLE, "Lab 1", {"a": 1, "b": 2}, aliases=aliases)
    assert (filled.filled, filled.data.decode()) == (0, text)


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        (CANVAS, "Lab 3", "no column `Lab 3`"),
        ("SIS Login ID,Lab (1),Lab (2)\n", "Lab", "Several columns"),
        ("SIS Login ID,Lab,Lab\n", "Lab", "Several columns"),
        ("", "Lab", "none of the columns"),
        ('SIS Login ID,Lab\n"a,1\n', "Lab", "line 2 is never closed"),
        (b"\xff\xfea", "Lab", "utf-16-le"),
    ],
)
def test_a_wrong_column_or_file_is_a_usage_error(text, column, says):
    with pytest.raises(UsageError, match=says):
        fill(text, column=column)


def test_grades_are_of_one_lab():
    found, worth = lms.grades(demo(), "namespaces")
    assert worth == 10
    assert (found["bert"], found["gus"], found["hana"], found["emil"]) == (9, 0, 0, lms.REGRADE)
    assert "jo&co" not in found
    for lab in (None, "nothing"):
        with pytest.raises(UsageError):
            lms.grades(demo(), lab)


def test_several_grades_of_a_learner_are_none():
    twice = (entry("a", "namespaces", "ppppp"), entry("a", "namespaces", "fffff"))
    found, _ = lms.grades(Gradebook("c", ("namespaces",), "", twice), None)
    assert isinstance(found["a"], str)


@pytest.mark.parametrize(
    "text", ["", "\n", "a", "a,b", "a,b\n", 'a,"b"\r\n\r\nc,', '"a""b"x,c\r', ",,\n,"]
)
def test_cells_lie_side_by_side(text):
    at = 0
    for row in rows(text, ","):
        for cell in row:
            assert cell.start == at
            at = cell.end + 1
        if text[at - 1 : at + 1] == "\r\n":
            at += 1
    assert at >= len(text)


def test_any_bytes_come_back():
    for data in (b"", bytes(range(256)), "ä".encode(), b"\xef\xbb\xbfx", b"\xfe\xff\x00a"):
        encoding = Encoding.of(data)
        assert encoding.encode(encoding.decode(data)) == data
