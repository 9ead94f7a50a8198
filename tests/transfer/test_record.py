"""The record is a chain: any change of a line shows; a killed writer leaves nothing half."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectrakit.errors import InputError, UsageError
from spectrakit.transfer import record
from spectrakit.transfer.record import RECORD, START, Entry, append, check, read


def entry(k, **more):
    return Entry(
        "predict", reason=f"day {k}", parameters={"k": k, "name": "Wassergehalt ü"}, **more
    )


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    heads = [append(folder, entry(k)) for k in range(6)]
    return (folder / RECORD).read_bytes(), heads


def refused(folder, data, head=None):
    (folder / RECORD).write_bytes(data)
    with pytest.raises(InputError) as error:
        check(folder, head)
    assert error.value.hint
    return str(error.value)


def test_each_line_holds_the_hash_of_the_one_before(tmp_path):
    heads = [append(tmp_path, entry(k)) for k in range(3)]
    lines = [json.loads(line) for line in (tmp_path / RECORD).read_bytes().splitlines()]
    assert [one["hash"] for one in lines] == heads
    assert [one["previous"] for one in lines] == [START, *heads[:-1]]
    assert [one["n"] for one in lines] == [1, 2, 3]
    assert check(tmp_path, heads[1]) == read(tmp_path) == lines
    assert set(lines[0]["versions"]) >= {"spectrakit", "python", "numpy", "scipy", "onnxruntime"}
    assert lines[0]["when"].endswith("Z")
    assert "host" not in lines[0]


def test_the_hash_is_that_of_the_canonical_json(chain, tmp_path):
    """Anyone can check it without spectrakit."""
    import hashlib

    data, heads = chain
    for line, head in zip(data.splitlines(), heads, strict=True):
        body = json.loads(line)
        del body["hash"]
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == head


@given(st.data())
def test_any_changed_byte_is_found(chain, tmp_path_factory, data):
    whole = chain[0]
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != whole[at]))
    changed = whole[:at] + bytes([byte]) + whole[at + 1 :]
    message = refused(tmp_path_factory.mktemp("c"), changed)
    line = whole[:at].count(b"\n") + 1
    assert f"line {line} " in message


@given(st.permutations(range(6)).filter(lambda order: order != list(range(6))))
def test_moved_lines_are_found(chain, tmp_path_factory, order):
    lines = chain[0].splitlines(keepends=True)
    message = refused(tmp_path_factory.mktemp("c"), b"".join(lines[k] for k in order))
    first = next(k for k, line in enumerate(order) if k != line)
    assert f"line {first + 1} is entry {order[first] + 1}" in message


@given(st.integers(0, 4), st.integers(1, 5))
def test_removed_and_repeated_lines_are_found(chain, tmp_path_factory, at, n):
    lines = chain[0].splitlines(keepends=True)
    rest = lines[:at] + lines[at + n :]
    if at + n < 6:
        refused(tmp_path_factory.mktemp("c"), b"".join(rest))
    refused(tmp_path_factory.mktemp("c"), b"".join(lines[: at + 1] + lines[at:]))


@given(st.data())
def test_a_cut_inside_a_line_is_found_and_one_between_lines_only_against_a_head(
    chain, tmp_path_factory, data
):
    whole, heads = chain
    at = data.draw(st.integers(0, len(whole) - 1))
    folder = tmp_path_factory.mktemp("c")
    if at == 0 or whole[at - 1 : at] == b"\n":
        (folder / RECORD).write_bytes(whole[:at])
        assert len(check(folder)) == whole[:at].count(b"\n")  # nothing inside the file can tell
    message = refused(folder, whole[:at], heads[-1])
    assert "breaks off" in message or "was cut off" in message


def test_an_inserted_line_and_a_chain_of_another_folder_are_found(chain, tmp_path):
    lines = chain[0].splitlines(keepends=True)
    (tmp_path / "other").mkdir()
    append(tmp_path / "other", entry(99))
    foreign = (tmp_path / "other" / RECORD).read_bytes()
    for at in range(6):
        refused(tmp_path, b"".join([*lines[:at], foreign, *lines[at:]]))
    assert "has the hash" in refused(tmp_path, foreign, chain[1][-1])


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"null", b"[]", b"[" * 100_000, b"\xff\xfe", b'{"n": 1}', b"NaN", b'{"hash":NaN}'],
)
def test_what_is_no_entry_is_refused_in_one_line(tmp_path, line):
    assert "line 1 is no entry" in refused(tmp_path, line + b"\n")


@pytest.mark.parametrize(
    "change",
    [{"outputs": [1]}, {"outputs": [{"path": 1, "sha256": ""}]}, {"inputs": {}}, {"result": None},
     {"versions": []}, {"n": True}, {"action": 1}, {"inputs": [{"path": "a", "sha256": None}]}],
)  # fmt: skip
def test_a_forged_entry_with_a_true_hash_does_not_break_its_readers(tmp_path, change):
    append(tmp_path, entry(0))
    body = json.loads((tmp_path / RECORD).read_bytes()) | change
    del body["hash"]
    line = record._canonical({**body, "hash": record._hash(body)})
    assert "line 1 is no entry" in refused(tmp_path, line + b"\n")


def test_an_entry_with_numbers_that_json_has_not(tmp_path):
    append(tmp_path, entry(0, result={"rmsep": nan, "path": "bad\udc80name", 1: (1, 2)}))
    result = read(tmp_path)[0]["result"]
    assert result == {"rmsep": None, "path": "bad\\udc80name", "1": [1, 2]}


def test_a_line_that_a_killed_writer_left_is_cut_off_and_the_next_says_so(tmp_path):
    head = append(tmp_path, entry(0))
    torn = b'{"action":"predict","has'
    with (tmp_path / RECORD).open("ab") as handle:
        handle.write(torn)
    with pytest.raises(InputError, match="line 2 breaks off after 24 bytes"):
        check(tmp_path)
    append(tmp_path, entry(1))
    entries = check(tmp_path, head)
    assert len(entries) == 2
    assert entries[1]["repaired"]["bytes"] == len(torn)


def test_nothing_is_added_to_a_last_line_that_was_changed(tmp_path):
    append(tmp_path, entry(0))
    path = tmp_path / RECORD
    path.write_bytes(path.read_bytes().replace(b"day 0", b"day 7"))
    before = path.read_bytes()
    with pytest.raises(InputError, match="line 1 was changed"):
        append(tmp_path, entry(1))
    assert path.read_bytes() == before


def test_links_and_wrong_words_are_refused(tmp_path):
    with pytest.raises(InputError, match="is not there"):
        check(tmp_path)
    with pytest.raises(UsageError, match="none of fit"):
        append(tmp_path, Entry("guess"))
    with pytest.raises(UsageError, match="no SHA-256"):
        check(tmp_path, "abc")
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / RECORD).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="no plain file"):
        append(tmp_path, entry(0))


def test_two_writers_wait_for_one_another(tmp_path, monkeypatch):
    with ThreadPoolExecutor(8) as pool:
        heads = set(pool.map(lambda k: append(tmp_path, entry(k)), range(40)))
    assert {one["hash"] for one in check(tmp_path)} == heads
    monkeypatch.setattr("spectrakit.transfer.lock.PATIENCE", 0.05)
    with record.locked(tmp_path / RECORD), pytest.raises(InputError, match="another process"):
        append(tmp_path, entry(0))


WRITER = """
import sys
from pathlib import Path
from spectrakit.transfer.record import Entry, append
while True:
    print(append(Path(sys.argv[1]), Entry("predict", reason="x" * 100_000)), flush=True)
"""


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_that_it_promised(tmp_path):
    """Every head that was printed is in the chain after any number of kills."""
    promised = []
    for k in range(30):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            promised.append(writer.stdout.readline().strip())
            time.sleep(0.003 * k % 0.02)
            os.kill(writer.pid, signal.SIGKILL)
            promised += [line.strip() for line in writer.stdout if line.endswith("\n")]
    append(tmp_path, entry(0))
    assert set(promised) <= {one["hash"] for one in check(tmp_path)}
