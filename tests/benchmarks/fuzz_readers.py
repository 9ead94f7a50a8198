"""Fuzz the readers of mass spectra: damaged files of every format, read in this process.

    python tests/benchmarks/fuzz_readers.py --minutes 10 [--format mgf] [--out fuzz]

Every format of ``spectrakit.io.sniff.READABLE`` is taken in turn, each for so many minutes of
CPU. Coverage guides the choice of what is damaged further where the package atheris is
installed; else good files are damaged at random. Findings (``_fuzz_judge.py`` says what is one)
are written to ``--out`` with the file that shows each, one file for each signature. The last
lines are a table: format, minutes, files tried, refused, read, findings. Exit code 1 when there
are findings.
"""

import argparse
import faulthandler
import importlib
import json
import os
import pkgutil
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

_MARK = b"\x00FILES"
_LARGEST = 400_000  # bytes of a damaged file
_STORE_EVERY = 10
_FRESH = 0.3  # share of damaged files that are made from a good one, whatever the corpus holds
_BACKSTOP_SECONDS = 120  # a call into C that never comes back
_MEMORY_BYTES = 6 << 30


def packed(seed: dict[str, bytes]) -> bytes:
    """Return the files of a seed as one text of bytes."""
    if len(seed) == 1:
        return next(iter(seed.values()))
    head = json.dumps([[name, len(content)] for name, content in seed.items()]).encode()
    return _MARK + head + b"\n" + b"".join(seed.values())


def unpacked(data: bytes, name: str) -> dict[str, bytes]:
    """Undo ``packed``; a single file gets this name."""
    if not data.startswith(_MARK):
        return {name: data}
    head, _, rest = data[len(_MARK) :].partition(b"\n")
    files: dict[str, bytes] = {}
    for own, length in json.loads(head):
        files[own], rest = rest[:length], rest[length:]
    return files


class Fuzz:
    """One format: what is tried and what was found."""

    def __init__(self, kind: str, out: Path, seed: int) -> None:
        from _fuzz_judge import judge
        from _fuzz_seeds import seeds

        self.kind = kind
        self.judge = judge
        self.good = seeds()[kind]
        self.name = next(iter(self.good[0]))
        self.out = out
        self.chance = random.Random(seed)
        self.work = Path(tempfile.mkdtemp(prefix="fuzz-"))
        self.counts = {"tried": 0, "read": 0, "refused": 0}
        self.found: dict[str, str] = {}
        self.start = time.process_time()

    def mutated(self, data: bytes, seed: int) -> bytes:
        """Return damaged files."""
        from _fuzz_hdf5 import mutate_hdf5
        from _fuzz_mutations import mutate

        chance = random.Random(seed)
        if len(data) < 2 or chance.random() < _FRESH:
            data = packed(chance.choice(self.good))
        files = unpacked(data, self.name)
        name = chance.choice(list(files))
        content = files[name]
        if content.startswith(b"\x89HDF") and chance.random() < 0.8:
            path = self.work / "mutant.h5"
            path.write_bytes(content)
            mutate_hdf5(path, chance)
            files[name] = path.read_bytes()
        else:
            other = chance.choice(self.good)
            same = other.get(name) or next(iter(other.values()))
            files[name] = mutate(content, chance, same)
        return packed(files)

    def one(self, data: bytes) -> None:
        """Read one damaged file and note what must not happen."""
        from _fuzz_judge import Finding
        from _fuzz_seeds import write

        self.counts["tried"] += 1
        path = write(self.work, unpacked(data, self.name))
        faulthandler.dump_traceback_later(_BACKSTOP_SECONDS, exit=True)
        store = self.work if self.counts["tried"] % _STORE_EVERY == 0 else None
        try:
            self.counts[self.judge(path, self.kind, store)] += 1
        except Finding as finding:
            self._note(str(finding), data)
        except Exception as error:  # what the judge did not foresee is one as well
            self._note(f"unforeseen: {type(error).__name__}: {error}"[:200], data)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _note(self, signature: str, data: bytes) -> None:
        if signature in self.found:
            return
        folder = self.out / f"{self.kind}-{len(self.found)}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in unpacked(data, self.name).items():
            (folder / name).write_bytes(content)
        self.found[signature] = str(folder)
        self.save()

    def save(self) -> None:
        """Write what is known so far: the fuzzer may end the process."""
        minutes = (time.process_time() - self.start) / 60
        value = {"format": self.kind, "minutes": round(minutes, 2), **self.counts}
        text = json.dumps(value | {"findings": self.found}, indent=1)
        (self.out / f"{self.kind}.json").write_text(text)


def fuzz_blindly(fuzz: Fuzz, seconds: float) -> None:
    """Damage good files, and files damaged before, at random."""
    pool = [packed(seed) for seed in fuzz.good]
    for data in pool:
        fuzz.one(data)
    n_good = len(pool)
    while time.process_time() - fuzz.start < seconds:
        data = fuzz.mutated(fuzz.chance.choice(pool), fuzz.chance.getrandbits(32))[:_LARGEST]
        fuzz.one(data)
        if fuzz.chance.random() < 0.05:
            pool.append(data)
            if len(pool) > n_good + 200:
                del pool[fuzz.chance.randrange(n_good, len(pool))]


def fuzz_guided(fuzz: Fuzz, seconds: float, atheris: Any) -> None:
    """Let libFuzzer choose what is damaged further, by the branches that it reached."""
    corpus = fuzz.work / "corpus"
    corpus.mkdir()
    for i, seed in enumerate(fuzz.good):
        (corpus / str(i)).write_bytes(packed(seed))

    def one(data: bytes) -> None:
        fuzz.one(data)
        if fuzz.counts["tried"] % 50 == 0:
            fuzz.save()
            if time.process_time() - fuzz.start > seconds:
                shutil.rmtree(fuzz.work, ignore_errors=True)
                os._exit(0)  # libFuzzer takes any other end for a crash

    options = ["-handle_alrm=0", "-timeout=1000000", "-rss_limit_mb=0", "-verbosity=0"]
    options += ["-len_control=0", "-mutate_depth=1"]
    options += [f"-max_len={_LARGEST}", f"-artifact_prefix={fuzz.work}/"]
    options += [f"-seed={fuzz.chance.randrange(1, 1 << 31)}"]
    atheris.Setup(
        [sys.argv[0], *options, str(corpus)],
        one,
        custom_mutator=lambda data, most, seed: fuzz.mutated(data, seed)[:most],
    )
    atheris.Fuzz()


def work(kind: str, minutes: float, out: Path, seed: int) -> None:
    """Fuzz one format in this process."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    try:
        import atheris  # type: ignore[import-not-found]  # optional
    except ImportError:
        atheris = None
    import logging

    logging.disable(logging.CRITICAL)
    if atheris is not None:
        with atheris.instrument_imports(include=["spectrakit.io", "spectrakit.store"]):
            for package in ("spectrakit.io", "spectrakit.store"):
                folder = importlib.import_module(package).__path__
                for module in pkgutil.iter_modules(folder):
                    importlib.import_module(f"{package}.{module.name}")
    fuzz = Fuzz(kind, out, seed)
    try:
        if atheris is None:
            fuzz_blindly(fuzz, 60 * minutes)
        else:
            fuzz_guided(fuzz, 60 * minutes, atheris)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        fuzz.save()
        shutil.rmtree(fuzz.work, ignore_errors=True)
        sys.stderr.flush()
        os._exit(0 if sys.exception() is None else 1)  # libFuzzer hangs in the usual end


def main() -> int:
    """Fuzz each format in a process of its own and show the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10, help="CPU minutes of each format")
    parser.add_argument("--format", action="append", help="only this one; repeatable")
    parser.add_argument("--out", type=Path, default=Path("fuzz"), help="folder of findings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.one:
        work(args.format[0], args.minutes, args.out, args.seed)
        return 0
    from _fuzz_seeds import seeds

    kinds = args.format or list(seeds())
    if missing := [kind for kind in kinds if not seeds().get(kind)]:
        sys.exit(f"no seed for {', '.join(missing)}: write one in _fuzz_seeds.py")
    rows = []
    for kind in kinds:
        command = [sys.executable, __file__, "--one", "--format", kind, "--out", str(args.out)]
        command += ["--minutes", str(args.minutes), "--seed", str(args.seed)]
        with (args.out / f"{kind}.log").open("wb") as log:
            process = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=log, check=False)
        try:
            row = json.loads((args.out / f"{kind}.json").read_text())
        except FileNotFoundError:
            row = {
                "format": kind,
                "minutes": 0,
                "tried": 0,
                "refused": 0,
                "read": 0,
                "findings": {},
            }
        if process.returncode and not row["findings"]:
            row["findings"] = {f"the process ended with {process.returncode}": f"{kind}.log"}
        rows.append(row)
        print(*(f"{row[k]:>8}" for k in ("format", "minutes", "tried", "refused", "read")),
              f"{len(row['findings']):>8}", sep="\t", flush=True)  # fmt: skip
        for signature, where in row["findings"].items():
            print(f"    {signature}  [{where}]", flush=True)
    return int(any(row["findings"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
