"""Ablations of spectralfm (E7 to E12 of its paper, in kind), each row beside its controls.

    python tests/benchmarks/spectralfm_ablations.py few --runs fm --work FOLDER
    ... losses --runs a=RUN b=RUN --corpus corpus.h5
    ... heads --runs fm
    ... tuned --runs fm
    ... ttt --runs fm --work FOLDER
    ... latent --runs fm --plot latent.png
    ... spline --runs fm
    ... resolution --runs fm
    ... classes --runs fm

``few`` compares encoders with N labelled standards: ridge on source samples and standards, the
same for encoders, untrained networks of the same shape and preprocessed spectra; beside them the
plain ensemble, recipe R (``average``), the standards alone (``target-only``) and, as ratio 1, a
model trained on the target with all labels. ``--members`` mixes each with recipe R. FOLDER is that
of ``transfer.py``: what the linear methods predict is kept there. ``heads`` is what ``adapt``
does, standards alone, and ``tuned`` that with LoRA, adapters and MAML. Splits of seeds 100 and more
are for choices, 0 to 11 for reports.
"""

import argparse
from pathlib import Path

from _spectralfm_few import few_table
from _spectralfm_pairs import pretrained, random_like


def few(asked, encoders):
    few_table(asked, encoders, members=asked.members)


def heads(asked, encoders):
    few_table(asked, encoders, members=False, heads=True)


def tuned(asked, encoders):
    from _spectralfm_tuned import tuned_table

    tuned_table(asked, encoders)


def losses(asked, encoders):
    from _spectralfm_losses import losses_table

    losses_table(asked, encoders)


def ttt(asked, encoders):
    from _spectralfm_ttt import ttt_table

    ttt_table(asked, encoders)


def latent(asked, encoders):
    from _spectralfm_latent import latent_table

    latent_table(asked, encoders)


def spline(asked, encoders):
    from _spectralfm_spline import spline_table

    spline_table(asked, encoders)


def resolution(asked, encoders):
    from _spectralfm_resolution import resolution_table

    resolution_table(asked, encoders)


def classes(asked, encoders):
    from _spectralfm_classes import classes_table

    classes_table(asked, encoders)


TABLES = {
    one.__name__: one
    for one in (few, heads, tuned, losses, ttt, latent, spline, resolution, classes)
}


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--runs", nargs="+", required=True, help="RUN or NAME=RUN of pretrain")
    parser.add_argument("--work", type=Path, help="folder of transfer.py")
    parser.add_argument("--data", default="raman,corn,cane")
    parser.add_argument("--standards", default="5,10")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--base", default="", help="row that others are compared with")
    parser.add_argument("--members", action="store_true", help="also as members of recipe R")
    parser.add_argument("--corpus", type=Path, help="store whose held-out spectra are judged")
    parser.add_argument("--plot", type=Path, help="PNG of latent; JSON of the verdicts of ttt")
    parser.add_argument("--no-level", action="store_true", help="ttt: heads without the level")
    parser.add_argument("--aligned", action="store_true", help="ttt: also with alignment=1")
    parser.add_argument("--limit", type=int, default=0, help="pairs of a data set; 0: all")
    asked = parser.parse_args()
    if asked.work:
        asked.work.mkdir(parents=True, exist_ok=True)
    encoders = [pretrained(told) for told in asked.runs]
    TABLES[asked.table](asked, [*encoders, random_like(encoders[0])])


if __name__ == "__main__":
    main()
