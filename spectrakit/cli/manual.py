"""What the manual pages say beyond the options: examples that were run, and notes."""

from spectrakit.cli.manual_transfer import TRANSFER

EXAMPLES: dict[str, list[str]] = {
    "convert": [
        "spectrakit convert run.mzML -o run.h5",
        "spectrakit convert runs/ -o stores/ --summary account.json",
        "spectrakit convert library.msp.gz -o library.mgf",
        "spectrakit convert opus/ -o meal.h5 --where extra.block=AB --targets lab.csv",
        "spectrakit convert old_nir.csv -o old.h5 --axis-unit nm",
        "spectrakit convert film.spc -o film.jdx",
    ],
    "identify": [
        "spectrakit identify sample.mzML",
        "spectrakit identify sample.mzML --library massbank --structures none --top 3",
        "spectrakit identify runs/ -o hits/ --jobs 8 --summary account.json",
        "spectrakit identify sample.mgf --search analogue --fdr 0.05",
        "spectrakit identify sample.mzML -m none --method entropy",
        "spectrakit identify sample.mzML -m ours",
        "spectrakit identify film.jdx --library polymers",
        "spectrakit identify film.jdx --library polymers --exclude 2280-2400 --method derivative",
    ],
    "transfer": [
        "spectrakit transfer plan old.h5 -p moisture --standards 12 -o standards.tsv",
        "spectrakit transfer fit old.h5 new.h5 -p moisture --test-where split=test -o meal",
        "spectrakit transfer fit old.h5 new.h5 -p moisture --standards 0 -o meal",
        "spectrakit transfer fit old.h5 new.h5 -p moisture --method spectralfm -m operator -o meal",
        "spectrakit transfer predict meal/ monday/ -o monday.tsv",
        "spectrakit transfer predict meal/meal@1 monday/ --average",
        "spectrakit transfer drift meal/ standards/ --date 2026-11-20 --report drift.html",
        "spectrakit transfer verify meal/ --export head.json",
        "spectrakit transfer verify meal/ --head head.json --inputs archive/",
        "spectrakit transfer revert meal/ --reason 'lamp changed back'",
    ],
    "pretrain": [
        "spectrakit pretrain -m kernelfp --help",
        "spectrakit pretrain library.h5 -m kernelfp -s ridge=0.3 -o run1",
        "spectrakit pretrain --resume run1",
    ],
    "distill": [
        "spectrakit distill -m run1 --help",
        "spectrakit distill library.h5 -m run1 -s name=ours -o student1",
        "spectrakit identify sample.mzML -m student1",
        "spectrakit models install student1/student/ours@1",
    ],
    "adapt": [
        "spectrakit adapt ours.h5 -m run1 -s how=lora -o run2",
        "spectrakit pretrain spectra.h5 -m spectralfm -o fm",
        "spectrakit distill meal.h5 -m fm -o encoder",
        "spectrakit convert meal/ --targets meal.csv -o meal.h5",
        "spectrakit adapt meal.h5 -m fm -s property=moisture -o meal",
        "spectrakit identify monday.spc -m meal",
        "spectrakit ttt new-instrument.h5 -m meal -o meal-new",
        "spectrakit identify monday.spc -m meal-new",
        "spectrakit convert resins/ --samples sheet.csv -o resins.h5",
        "spectrakit adapt resins.h5 -m fm -s label=material -o resins",
        "spectrakit identify unknown.spc -m resins",
    ],
    "ttt": [
        "spectrakit ttt new-instrument.h5 -m meal -o meal-new",
        "spectrakit identify monday.spc -m meal-new",
    ],
    "models": [
        "spectrakit models list",
        "spectrakit models show msms",
        "spectrakit models check student1/student/ours@1",
        "spectrakit models install student1/student/ours@1",
        "spectrakit models remove ours@1",
    ],
    "library": [
        "spectrakit library add massbank MassBank_NIST.msp.gz",
        "spectrakit library add ours structures.csv --licence 'in house'",
        "spectrakit library add polymers polymers/*.jdx",
        "spectrakit library list",
        "spectrakit library info massbank",
        "spectrakit library check massbank",
        "spectrakit library remove massbank",
    ],
    "store": [
        "spectrakit store info run.h5",
        "spectrakit store check run.h5",
        "spectrakit store merge day1.h5 day2.h5 -o week.h5",
        "spectrakit store dump run.h5 --format tsv",
    ],
    "evaluate": [
        "spectrakit identify sample.mzML -o hits.tsv",
        "spectrakit evaluate identify hits.tsv --truth truth.tsv",
        "spectrakit evaluate transfer old.h5 new.h5 -p moisture --standards 0,5,10 -o methods.tsv",
    ],
}

_FOLDERS = (
    "An existing folder as --out, or a name ending in '/', takes {} and a ledger: a rerun goes on "
    "where a killed one stopped, and the results are those of an unbroken run, whatever --jobs. "
    "Inputs that changed and results that are damaged or missing are done again, which is said. "
    "Refused (exit 2): other parameters than the ledger's, two inputs whose results would have "
    "the same name, and an input whose result would replace that of another one."
)
_RUNS = (
    "A run is a folder: plan.toml, env.json, metrics.jsonl, log.txt, checkpoints/, "
    "student/NAME@VERSION/ and status, and where the plugin uses spectrakit's own training loop "
    "curves.png. Spectra that the plugin could not use are said, and counted by reason in "
    "left_out.json and as model.left_out in --summary. The run is itself what -m of the next "
    "verb takes. SIGTERM, Ctrl-C and SIGUSR1 save a checkpoint and end with 130; --resume goes "
    "on exactly there and reads everything from the folder.\n\n"
    "--devices N trains in N processes, each with a GPU of its own on cuda. A batch is "
    "divided among them: their number changes the speed, and the result by no more than rounding "
    "and other random numbers of dropout. For several computers start the same command, without "
    "--devices, by torchrun.\n\nWhat a store marks in /samples/split is obeyed "
    "(train, valid; anything else is left out). Where it marks nothing, a tenth is held out by a "
    "hash of the molecule, else of the sample's group, else of the sample, the same in every run. "
    "Options of the plugin are shown by --help with -m; plugins are described in "
    "spectrakit-plugin(7)."
)

NOTES: dict[str, dict[str, str]] = {
    "": {
        "DESCRIPTION": (
            "Records go to stdout or --out, everything for people to stderr. Every input "
            "spectrum is accounted for: read = kept + dropped, with a reason for each drop, on "
            "stderr and in the JSON of --summary.\n\nDefaults of options can be kept in a TOML "
            "file, one table for each verb: the user's own config.toml, or --config FILE."
        ),
        "ENVIRONMENT": (
            "SPECTRAKIT_HOME: the folder that holds libraries/, models/, cache/ and config.toml "
            "instead of the operating system's own places.\n\nSPECTRAKIT_PLUGINS: names of the "
            "plugins that may be used, with commas between; empty: none."
        ),
    },
    "convert": {
        "WHAT IS KEPT": (
            "Every spectrum of every MS level, empty ones too, and everything the file says of "
            "it. Spectra that cannot be read (NaN in the peaks, negative m/z, arrays that "
            "disagree) are dropped and counted. Peaks are put in order of m/z."
        ),
        "TRACES": (
            "The axis of a trace stays as the file has it: its direction, its unit, its uneven "
            "steps; nothing is resampled, and transmittance stays transmittance. A file that "
            "states no unit keeps none: --axis-unit and --modality say it where the file does "
            "not. Everything else that the file says of a spectrum is kept in extra; --where "
            "extra.KEY=VALUE selects by it. A file with several blocks (OPUS: sample, reference, "
            "absorbance ...) gives one spectrum for each; --where extra.block=AB takes the "
            "absorbance.\n\n"
            "A tidy table has one spectrum in each row; its header names each channel by its "
            "position. Columns named sample, instrument, split, group, replicate, name, modality "
            "and value_unit mean that; other columns of numbers are reference values, 'moisture "
            "[%]' with its unit, moisture_sel the standard error of the reference method; other "
            "columns of text belong to the sample (sample.KEY), or to the spectrum (extra.KEY) "
            "where they differ between the spectra of a sample. A title or comments may stand "
            "above the header, and a row of units below it; decimal commas are read. In a table "
            "with one spectrum in each column the first column is the axis."
            "\n\n"
            "--targets takes the column sample (or sample id, sample no, id) and joins the others "
            "to the spectra of these samples; ids that fit nothing are named, and a cell that "
            "should be a number and is none is an error."
        ),
        "FORMATS": (
            "The content decides, not the name. Peaks: mzML (indexed or not, MS-Numpress, ion "
            "mobility; chromatograms are counted, not read), mzXML, mzData, mzMLb, imzML with its "
            ".ibd beside it (--where 'extra.position x=3' takes a column of pixels), MGF, MSP "
            "(NIST, MoNA, RIKEN, MS-DIAL, GOLM, AMDIS MSL, SpectraST and others), MassBank "
            "records, MoNA and GNPS JSON, mzSpecLib and mzVault text, MS1 and MS2 text. "
            "Instruments: Galactic SPC (old and new), Bruker OPUS, Thermo OMNIC (SPA, SPG, SRS), "
            "Renishaw WDF, PerkinElmer SP, JASCO JWS, Horiba XML and LabSpec text, Andor SIF, "
            "TriVista TVF, DigitalSurf, ASD, Spectral Evolution SED, SVC SIG, BUCHI NIRCal, VIAVI "
            "SAM, Ocean text and ProcSpec, Avantes binary and text, CRAIC, JASCO, StellarNet and "
            "Renishaw text. Exchange: JCAMP-DX, AnIML, ANDI (netCDF), EMSA, ENVI, USGS and "
            "ECOSTRESS text, FITS. Arrays and tables: MATLAB (4 to 7.3, with dataset objects), "
            "HDF5 and netCDF, numpy, Parquet (needs pyarrow), Excel, CSV and TSV, columns of "
            "text. Written: stores, mzML, MGF, MSP and MassBank records for peaks, JCAMP-DX and "
            "CSV for traces."
        ),
        "FOLDERS": _FOLDERS.format("one file for each input")
        + " --samples and --targets go into each store. A file whose name begins with '-' "
        "follows '--'. A kill or a power failure in the midst of a single file may leave "
        "NAME.part-NUMBER beside it, which may be deleted when no spectrakit is at work there.",
    },
    "identify": {
        "WHAT IS SEARCHED": (
            "MS2 spectra, and MS1 spectra of electron-ionisation data; the others are counted "
            "with the reason. Profile spectra are centroided. Isolation windows wider than 4 Da "
            "(DIA) are refused. Where the survey scan shows that the second isotope was "
            "isolated, or another charge, that reading is tried beside the stated one."
        ),
        "COLUMNS": (
            "file spectrum scan rt_seconds precursor_mz polarity rank name inchikey smiles "
            "formula adduct mz_error_ppm method score matched_peaks probability q_value level "
            "source source_id note similarity fragmenter fingerprint embedding. One row for each "
            "compound (first InChIKey block); a searched spectrum without a hit has one row of "
            "rank 0.\n\nscore is the similarity of the best library spectrum, the fragmenter's "
            "score of a structure, or the cosine with a compound that the model knows; method says "
            "which. The last four columns are what the ranker weighed: agreement with all spectra "
            "of the compound, log-odds of the fragments, log-odds of the learned fingerprint, and "
            "cosine of the vectors; empty where it was not asked. "
            "probability says how likely the compound is right; q_value, on rank 1, is the "
            "share of wrong answers expected among the hits of the file that are at least as "
            "probable.\n\nProbabilities are fitted to the share of known compounds in the file. "
            "They were calibrated where half of the compounds are in the library; where nearly "
            "none is, a hard case (isomers in the library) is trusted too much."
        ),
        "LEVELS": (
            "2a: unambiguous library match with the precursor (score at least 0.75, at least 3 "
            "matched peaks or all the spectrum has, 0.05 ahead of the next compound, "
            "probability at least 0.5). 3: other matches with fragments, analogues and "
            "structures. 5: mass only. After Schymanski et al. 2014; level 1 needs an in-house "
            "retention time and is never claimed."
        ),
        "TRACES": (
            "Infrared, Raman, and NIR, reflectance and optical spectra are compared with library "
            "spectra of their own family where a library holds any (spectrakit-library(1)); each "
            "is counted. Both spectra are averaged into the bins of one grid (4 cm-1; 2 nm for "
            "what is measured by wavelength, 8 cm-1 beyond 2600 nm), the finer one to the "
            "resolution of the coarser; nm, um and cm-1 are converted, a Raman axis in nm by the "
            "laser that the file states. Transmittance and reflectance are compared as absorbance "
            "(-log10, not below 0.0001), which the column note says.\n\n"
            "score is the hit quality index (HQI) times the share of the query that is compared. "
            "correlation: the squared Pearson correlation of the values over the bins that both "
            "cover, 0 where it is negative. derivative: the same of the first derivatives "
            "(Savitzky-Golay, 5 bins, order 2). combined: the mean of the two. The share is the "
            "smaller of two: of the query's bins, and of its squared derivative; below a half "
            "nothing is said. An offset or a factor changes no score, a baseline little in "
            "derivative and combined. Ranking by Euclidean distance of such spectra is ranking by "
            "correlation.\n\n"
            "A material of a score below the limit (combined 0.87, correlation 0.94, derivative "
            "0.85) is no hit; where none reaches it "
            "the answer is unknown: a row of rank 0 whose note names the nearest. --min-score "
            "above 0 takes the place of the limit. A runner-up of another material within 0.02 is "
            "noted as ambiguous. The limits are a compromise over infrared spectra of polymers and "
            "reflectance of minerals (tests/benchmarks/trace_search.py) and no probability: "
            "probability, q_value and level are empty, and --fdr does not concern traces. With "
            "combined, on materials that did not choose the limit: of polymers 88 % are kept where "
            "the library has the material (95 % of these are named right; PE, LDPE and HDPE "
            "counted as one) and 65 % refused where it has not; of minerals, which resemble each "
            "other, 62 % (63 % right) and 61 %.\n\n"
            "--exclude LOW-HIGH leaves a range out of every comparison, such as carbon dioxide "
            "(2280-2400). Constant and saturated spectra (more than 5 % of the points at the "
            "highest value), axes without a usable unit, and spectra that share less than half of "
            "their range with every library spectrum are dropped and counted."
        ),
        "MODELS": (
            "-m names what is learned: a bundle that was shipped, installed or distilled; none "
            "leaves it out. A bundle that encodes spectra and molecules adds its evidence to "
            "structures, and one ranker (shipped; a bundle, too) weighs all evidence of library "
            "compounds and structures alike where --method is auto. The model that ships knows "
            "some compounds itself: they stand in for a library where none is installed or "
            "named. A bundle that predicts appends the columns property value unit lower upper. "
            "A run that was not distilled answers through its plugin, with -s and --device.\n\n"
            "The model was trained on openly licensed spectra; `spectrakit models show msms` has "
            "data, licence, whom to name, and how good it is. Number, energy and popularity of a "
            "compound's library spectra are no evidence and do not enter."
        ),
        "STRUCTURES": (
            "Without a library, candidates come from the HMDB tables inside pyopenms (free for "
            "non-commercial use) by neutral mass over the usual adducts, or only the adduct that "
            "the file states, and are ranked by a combinatorial fragmenter and the learned model."
        ),
        "FOLDERS": _FOLDERS.format("one file of hits for each input"),
    },
    "transfer": TRANSFER,
    "pretrain": {"RUNS": _RUNS},
    "distill": {
        "STUDENTS": (
            "The student is a bundle of ONNX graphs: it needs neither the plugin nor torch, and "
            "`identify -m` takes the run, the bundle, or its name once installed. The spectra "
            "and structure lists given are those to judge it by (kernelfp's own form) or to teach "
            "it with (networks). Graphs are compared with the trained model before they are "
            "written; whole-number tables are kept only if they leave the ranks of held-out "
            "molecules as they were."
        ),
        "RUNS": _RUNS,
    },
    "adapt": {
        "SPECTRALFM": (
            "The examples are a whole day with spectralfm: spectra of any kind pretrain it; "
            "`distill` makes its encoder a bundle on one axis; `adapt` makes a calibration of "
            "samples with reference values (property=), or of samples with a name in a column of "
            "the sample sheet (label=); `identify` answers value, lower and upper, or the class "
            "and its probability, or unknown; `ttt` moves a calibration to another instrument "
            "without labels.\n\nSamples of one group (a batch, a donor) are left out together "
            "when errors are estimated. LoRA, adapters, a start learned on simulated instruments "
            "(meta=) and a spline read-out are off at first: in the measurements of the plugin's "
            "README nothing of it beats `spectrakit transfer`, which is the tool for a new "
            "instrument."
        ),
        "RUNS": _RUNS,
    },
    "ttt": {
        "GATE": (
            "A plugin may refuse (exit 4, with the reason): the model as it was stands then, and "
            "no bundle is written. spectralfm lets half of the spectra learn and asks the other "
            "half: it refuses with fewer than four spectra, where features of spectra held aside "
            "come no nearer to those the model was made with, and where answers hardly move (-s "
            "least_moved: then it is mostly the samples that differ). On real pairs of "
            "instruments `spectrakit transfer fit --standards 0` erred less. Answers of what it "
            "writes have no interval: errors on the old instrument say nothing of the new one."
        ),
        "RUNS": _RUNS,
    },
    "models": {
        "FILES": (
            "A bundle is a folder NAME@VERSION with bundle.json and ONNX graphs; installed ones "
            "are in models/ of the user's data folder. NAME alone means its newest version. "
            "Every file is compared with its SHA-256 before it is used. The format is in "
            "spectrakit-plugin(7)."
        ),
    },
    "library": {
        "FILES": (
            "A library is one store, libraries/NAME.h5, with its search index inside; it "
            "appears whole or not at all. Spectra without an InChIKey get one from their SMILES "
            "or InChI; spectra without either are told apart by name.\n\nIt may hold mass spectra "
            "and traces (IR, Raman, NIR, reflectance, optical), each with its own index. Traces "
            "of one material are those of one InChIKey or name (the molecule's, else the "
            "spectrum's, the sample's, the file's). Those that cannot be compared (constant, "
            "saturated, no usable axis unit, NMR) are dropped and counted."
        ),
    },
    "evaluate": {
        "TRUTH": (
            "A TSV or CSV table with the columns spectrum and inchikey, and where there: "
            "molecule, known (0 for unknowns), file."
        ),
    },
}
