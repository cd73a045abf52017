"""The table of photographs: any text, any number of processes, any spreadsheet."""

import csv
import errno
from pathlib import Path

import pytest

from helpers import locks, saving, table
from helpers.table import COLUMNS, Table


def row(file, **cells):
    return dict.fromkeys(COLUMNS, "") | {"file": file} | cells


def put(one: Table, file: str, **cells):
    with one.changing() as rows:
        rows[file] = row(file, **cells)


NAMES = ["=1+1", "+a", "-b", "@c", "\td", "'e", "''f", "g\nh", 'i"j,k;l', "眼", "m\r"]


def test_cells_are_texts_for_a_spreadsheet_and_are_read_back(tmp_path):
    one = Table(tmp_path)
    for name in NAMES:
        put(one, name, result=name)
    assert Table(tmp_path).rows == {name: row(name, result=name) for name in NAMES}
    with one.path.open(encoding="utf-8-sig", newline="") as file:
        cells = [line[2] for line in csv.reader(file)]
    assert cells[1:6] == ["'=1+1", "'+a", "'-b", "'@c", "'\td"]


def test_text_is_plain():
    name = "眼底 \udcd1\x1b[31m\n.png"
    assert table.plain(name) == r"眼底 \udcd1\x1b[31m\x0a.png"


def test_two_processes_lose_no_row(tmp_path):
    first, second = Table(tmp_path), Table(tmp_path)
    for number in range(4):
        put(first, f"a{number}")
        put(second, f"b{number}")
    names = [f"{letter}{number}" for number in range(4) for letter in "ab"]
    assert list(Table(tmp_path).rows) == names


def test_a_change_waits_for_the_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "PATIENCE", 0.01)
    said = []
    first, second = Table(tmp_path, said.append), Table(tmp_path, said.append)
    with first.changing():
        put(second, "b")
        put(second, "c")
    assert len(said) == 1 and "with one process at a time" in said[0]
    assert list(Table(tmp_path).rows) == ["b", "c"]


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "No locks"), None])
def test_without_locks_it_goes_on(tmp_path, monkeypatch, error):
    def acquire(*_, **__):
        raise error or NotImplementedError

    monkeypatch.setattr(locks.FileLock, "acquire", acquire)
    said = []
    put(Table(tmp_path, said.append), "a")
    assert list(Table(tmp_path).rows) == ["a"] and len(said) == 1


def test_a_table_that_is_open_in_a_spreadsheet_costs_no_row(tmp_path, monkeypatch):
    replace, is_open = Path.replace, True

    def refuse(part, target):
        if is_open and target.name == table.NAME:
            raise PermissionError(errno.EACCES, "The file is used by another process")
        return replace(part, target)

    said, one = [], Table(tmp_path)
    put(one, "a")
    monkeypatch.setattr(Path, "replace", refuse)
    two = Table(tmp_path, said.append)
    put(two, "b")
    put(two, "c")
    assert len(said) == 1 and "close it where it is open" in said[0]
    assert list(table.read(one.path)) == ["a"]
    assert list(Table(tmp_path).rows) == ["a", "b", "c"], "the next run knows them"
    is_open = False
    put(one, "d")
    assert list(table.read(one.path)) == ["a", "b", "c", "d"]
    assert not one.spare.exists()


def test_other_refusals_are_errors(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    one = Table(tmp_path)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(saving.DiskError, match="No space left"):
        put(one, "a")
    (tmp_path / "file").write_text("")
    with pytest.raises(saving.DiskError, match="file cannot be written"):
        Table(tmp_path / "file")


@pytest.mark.parametrize(
    "content",
    [
        "my,own,table\n1,2,3\n",
        "",
        "file,result\n",
        ",".join(COLUMNS) + "\na,b\n",
        ";".join(COLUMNS) + "\n",
        ",".join(COLUMNS) + '\n"' + "a" * 200_000,
    ],
)
def test_another_table_is_left_alone(tmp_path, content):
    file = tmp_path / table.NAME
    file.write_text(content)
    with pytest.raises(ValueError, match="move it away"):
        Table(tmp_path)
    assert file.read_text() == content
