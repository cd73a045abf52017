"""Photographs of one's own: what is doubted."""

import errno
import os

import pytest

from helpers import photo, saving


def test_a_full_disk_ends_a_folder_and_one_locked_file_does_not(monkeypatch, tmp_path):
    def refused(number):
        def segment_file(_, path, out, **__):
            with saving.whole(out / "x.png"):
                raise OSError(number, os.strerror(number))

        monkeypatch.setattr(photo, "segment_file", segment_file)
        return photo.segment_files(None, [tmp_path / "a.png"] * 3, tmp_path)

    with pytest.raises(saving.DiskError, match="No space"):
        list(refused(errno.ENOSPC))
    rows = list(refused(errno.EACCES))
    assert len(rows) == 3 and all("cannot be written" in row["error"] for row in rows)
