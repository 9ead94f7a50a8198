"""What the manual page of ``transfer`` says beyond the options."""

TRANSFER: dict[str, str] = {
    "STANDARDS": (
        "Standards are samples that both instruments measured: spectra with the same sample "
        "id in SOURCE and TARGET. Spectra of one sample are averaged. Reference values are "
        "taken from either file. fit uses all standards, N of them chosen by --design, or "
        "those named. --test-where takes samples out of TARGET that nothing learns from: the "
        "errors of the report are then of them, else of standards left out. Where one file "
        "holds both instruments, say --source-where instrument=A --target-where "
        "instrument=B; it need not be named twice. With SOURCE alone fit makes a calibration of that instrument (PLS, its "
        "choices by nested cross-validation); with --standards 0 it aligns unlabelled "
        "spectra of the target."
    ),
    "METHODS": (
        "Each is fitted to the same standards; its choices are made by cross-validation "
        "inside, and its error is that of standards which the choices did not see either.\n\n"
        "auto: average, plain-ensemble, paired-average and target-only, weighted by these "
        "errors and leaning on average.\n\n"
        "average: honest average of ridge regressions of source samples and labelled "
        "standards together, over maps of the spectra (none, mean difference, gain, PDS, "
        "simulated instruments) and six preprocessings.\n\n"
        "paired-average: the same without the standards' reference values.\n\n"
        "none: the source's calibration as it is.\n\n"
        "mean-difference: the mean difference of the standards is added to target spectra.\n\n"
        "bias: predictions are moved by their mean error on standards.\n\n"
        "slope-bias: predictions are corrected by a line through the standards.\n\n"
        "ds: direct standardisation, each channel from all channels.\n\n"
        "pds: piecewise direct standardisation, each channel from a window around it.\n\n"
        "sst: spectral space transformation.\n\n"
        "epo: external parameter orthogonalisation; what differs is projected out.\n\n"
        "updating: one calibration of source samples and standards of weight 3.\n\n"
        "jypls: joint-Y PLS, two axes with one loading of the reference values.\n\n"
        "cca: canonical correlation of the standards' spectra, on any two axes.\n\n"
        "target-only: PLS on the labelled standards alone; always in the report.\n\n"
        "plain-ensemble: equal average of PDS and three updatings on three preprocessings.\n\n"
        "Instruments without a common range are left with average, paired-average, ds, jypls, cca "
        "and target-only. A "
        "method that the data do not allow stays in the table with the reason."
    ),
    "INTERVALS": (
        "The half-width is a quantile of the errors of standards left out (conformal), so it "
        "is promised only where there are enough of them: 4 for 80 %, 9 for 90 %, 19 for "
        "95 %. Below that it is null, with the reason. Its coverage is measured on test "
        "samples where there are any, and said."
    ),
    "GATES": (
        "fit refuses (exit 4) a wavelength axis that is off by more than 8 channels, a "
        "standard whose two spectra differ unlike those of the others (swapped or spoilt), "
        "and a transfer that predicts standards left out worse than their mean does; without "
        "standards, a target whose spectra already look like the source's, and predictions that "
        "spread much less or more than the source's reference values. --force goes on, and the "
        "record says so. predict holds each spectrum "
        "against q and t2, whose limits are in the bundle."
    ),
    "FOLDER": (
        "A transfer is a folder: NAME@1/, NAME@2/ ... are bundles, one for each fit; current "
        "holds the label in use; metrics.json and report.html are of the last fit; "
        "record.jsonl is the record; drift.jsonl holds the control "
        "measurements of all days. A bundle alone can be copied to another computer: predict "
        "takes it as it is, and then writes no record."
    ),
    "METRICS": (
        "metrics.json: bundle, source, target, standards, gates and about (parameters, "
        "versions), and for each property unit, chosen, why, weights, sel (error of the "
        "reference, null where the data do not state it), interval (level, half_width, "
        "n_residuals, reason, coverage, coverage_of, n_coverage), tests (bias, SEP and slope "
        "of ISO 12099: value, limit, passed, n) and methods. A method has cv_rmse of "
        "standards left out, rmsep of test samples (each with a 95 % bootstrap interval, low "
        "and high), r2, bias (predicted minus known), slope (of known on predicted), sep, rpd, "
        "n_standards, n_test, ceiling_ratio (rmsep over that of a model trained on the target "
        "itself; null below 40 labelled samples) and refused. What is not known is null."
    ),
    "COLUMNS OF PREDICT": (
        "file sample property value unit lower upper gate q t2 spectrum model note. One row "
        "for each spectrum and property. lower and upper are the interval that the fit could "
        "promise, empty where it could not. gate is pass, or which of q (residual of the "
        "spectrum) and t2 (distance from the centre) is beyond its limit: then value is empty "
        "unless --force is said. Spectra on another axis that covers the model's are "
        "interpolated, and it is said; others are counted with the reason."
    ),
    "DRIFT": (
        "Samples that the fit knows are compared with its answers then; other samples with "
        "the reference values in their files, or all with --targets TABLE (column sample and "
        "one for each property). Columns: date file sample property predicted known "
        "known_from residual unit z state gate q t2 shift verdict spectrum; z is the residual "
        "in standard deviations, shift in channels against the same sample at the fit.\n\n"
        "A day counts by its mean over samples: warning beyond 2, action beyond 3 standard "
        "deviations of the mean, or CUSUM (k 0.5, h 5) over the days. A mean that is off asks "
        "for a bias correction, which is given with its 95 % interval. Samples whose errors "
        "differ among themselves by more than chance, a wavelength axis that is off, or most "
        "spectra beyond q or t2 ask for a new transfer. The standard deviation comes from "
        "replicates at the fit, and is at least 0.3 of the model's own error. The verdict "
        "does not change the answers of predict."
    ),
    "RECORD": (
        "Each line of record.jsonl holds the hash of the line before it and its own, SHA-256 "
        "of its JSON with sorted keys and without spaces. It says what was done, when (UTC), "
        "by which user of the operating system, why, with which parameters, versions and "
        "files. A changed, removed or moved line shows. Whoever can write the folder can also "
        "cut off the end or write a new record: that shows only against a head that was kept "
        "elsewhere, so commands print it, and verify writes it with --export and takes it "
        "with --head. It helps a lab's own quality control; no regulation is claimed to be "
        "met.\n\nverify compares every file with the record, fits the version in use again "
        "from the recorded parameters in a temporary folder, and compares the answers of both "
        "graphs: the same bits, or the largest difference, which must not exceed 1e-9 of the "
        "spread of the answers."
    ),
}
