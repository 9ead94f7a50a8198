"""Small containers of arrays, authored here: one maker for each format."""

import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
import scipy.io
from scipy.io.matlab import MatlabObject

from spectrakit.accounting import InputAccount
from spectrakit.io import read_spectra

AXIS = np.linspace(1100.0, 1190.0, 10)
X = np.round(np.random.default_rng(7).normal(0.5, 0.1, (6, 10)), 4)
PROTEIN = np.array([10.5, 11.0, 9.75, 12.25, 10.0, 11.5])
IDS = [f"s{k}" for k in range(6)]


def read(path: Path):
    account = InputAccount(str(path))
    return list(read_spectra(Path(path), account)), account


def cells(shape, items):
    found = np.empty(shape, dtype=object)
    for place, item in items.items():
        found[place] = item
    for place in np.ndindex(*shape):
        if found[place] is None:
            found[place] = np.zeros((0, 0))
    return found


def dataset(name, data, axis=None, labels=None, row_labels=None, title=""):
    """A DataSet object as PLS_Toolbox 4 saves it."""
    fields = {
        "name": name,
        "type": "data",
        "author": "me",
        "data": data,
        "label": cells((2, 2), {(1, 0): labels, (0, 0): row_labels}),
        "axisscale": cells((2, 2), {(1, 0): axis, (1, 1): title}),
        "include": cells((2, 2), {(0, 0): np.arange(1, len(data))[None, :]}),
    }
    record = np.empty((1, 1), dtype=[(key, object) for key in fields])
    for key, value in fields.items():
        record[0, 0][key] = value
    return MatlabObject(record, "dataset")


def mat5(path, compressed=True, **variables):
    variables = variables or {"X": X, "wavelength": AXIS, "protein": PROTEIN}
    scipy.io.savemat(path, variables, do_compression=compressed)
    return path


def mat5_dataset(path):
    return mat5(
        path,
        m5=dataset("m5", X, AXIS[None, :], title="Wavelength (nm)"),
        mp6=dataset("mp6", X + 0.1, AXIS[None, :], title="Wavelength (nm)"),
        glass=dataset("glass", X[:2], AXIS[None, :], title="Wavelength (nm)"),
        refs=dataset("refs", np.c_[PROTEIN, 2 * PROTEIN], labels=np.array(["protein [%]", "oil"])),
    )


def mat4(path, **variables):
    variables = variables or {"spectra": X, "wn": AXIS}
    with path.open("wb") as out:
        for name, values in variables.items():
            values = np.atleast_2d(np.asarray(values, "<f8"))
            out.write(struct.pack("<5i", 0, *values.shape, 0, len(name) + 1))
            out.write(name.encode() + b"\0" + values.tobytes(order="F"))
    return path


def mat73(path):
    """A version 7.3 file: HDF5 behind 512 bytes, arrays transposed, cells by reference."""
    with h5py.File(path, "w", userblock_size=512) as file:

        def put(name, values, kind="double"):
            one = file.create_dataset(name, data=np.atleast_2d(values).T)
            one.attrs["MATLAB_class"] = np.bytes_(kind)
            return one

        put("X", X)
        put("wavenumber", AXIS)
        put("protein", PROTEIN[:, None])
        refs = [
            put(f"#refs#/{k}", np.array([[ord(c) for c in text]], np.uint16), "char").ref
            for k, text in enumerate(IDS)
        ]
        cell = file.create_dataset("sample_id", (1, 6), dtype=h5py.ref_dtype)
        cell[0] = refs
        cell.attrs["MATLAB_class"] = np.bytes_("cell")
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: TEST".ljust(124) + b"\0\2IM")
    return path


def hdf5(path):
    with h5py.File(path, "w") as file:
        file.attrs["instrument"] = "bench 1"
        group = file.create_group("run")
        group.create_dataset("absorbance", data=X.astype("f4"), chunks=(3, 5), compression="gzip")
        group["absorbance"].attrs["units"] = "absorbance"
        group.create_dataset("wavelengths", data=AXIS).attrs["units"] = "nm"
        group.create_dataset("protein", data=PROTEIN).attrs["units"] = "percent"
        group.create_dataset("sample_id", data=IDS)
    return path


def netcdf3(path):
    with scipy.io.netcdf_file(path, "w") as file:
        file.createDimension("sample", 6)
        file.createDimension("wavelength", 10)
        for name, kind, dims, values, units in (
            ("wavelengths", "d", ("wavelength",), AXIS, "nm"),
            ("spectra", "f", ("sample", "wavelength"), X, "reflectance"),
            ("protein", "d", ("sample",), PROTEIN, "percent"),
        ):
            one = file.createVariable(name, kind, dims)
            one[:] = values
            one.units = units
    return path


def andi_ms(path, starts=(0, 3, 5), counts=(3, 2, 4)):
    with scipy.io.netcdf_file(path, "w") as file:
        file.experiment_type = "Centroided Mass Spectrum"
        file.test_ionization_mode = "Electron Impact"
        file.test_ionization_polarity = "Positive Polarity"
        file.createDimension("scan_number", 3)
        file.createDimension("point_number", 9)
        scans = (("scan_index", "i", starts), ("point_count", "i", counts))
        for name, kind, values in (*scans, ("scan_acquisition_time", "d", (0.5, 1.0, 1.5))):
            file.createVariable(name, kind, ("scan_number",))[:] = values
        file.createVariable("mass_values", "f", ("point_number",))[:] = 50.0 + np.arange(9)
        file.createVariable("intensity_values", "f", ("point_number",))[:] = 1.0 + np.arange(9)
    return path


def andi_chromatogram(path, times=False):
    with scipy.io.netcdf_file(path, "w") as file:
        file.retention_unit = "minutes"
        file.detector_unit = "counts"
        file.detector_name = "FID"
        file.sample_name = "blank"
        file.createDimension("point_number", 5)
        file.createVariable("ordinate_values", "f", ("point_number",))[:] = [1, 2, 5, 2, 1]
        if times:
            stamps = file.createVariable("raw_data_retention", "f", ("point_number",))
            stamps[:] = [0, 1, 2, 4, 8]
        else:
            for name, value in (("actual_sampling_interval", 0.5), ("actual_delay_time", 2.0)):
                file.createVariable(name, "d", ()).data[()] = value
    return path


def npz(path):
    np.savez_compressed(path, X=X, wavelengths_nm=AXIS, y=PROTEIN, sample_ids=np.array(IDS))
    return path


def card(key, value):
    text = f"'{value}'" if isinstance(value, str) else value
    text = {True: "T", False: "F"}.get(value, text) if isinstance(value, bool) else text
    return f"{key:<8}= {text!s:>20}".ljust(80)


def fits_unit(data: bytes, **header):
    cards = "".join(card(key.replace("DC_FLAG", "DC-FLAG"), value) for key, value in header.items())
    head = (cards + "END".ljust(80)).encode("latin-1")
    return head.ljust(-(-len(head) // 2880) * 2880) + data.ljust(
        -(-len(data) // 2880) * 2880, b"\0"
    )


FITS_TABLE = {
    "XTENSION": "BINTABLE", "BITPIX": 8, "NAXIS": 2, "NAXIS1": 8, "NAXIS2": 10, "PCOUNT": 0,
    "GCOUNT": 1, "TFIELDS": 2, "TTYPE1": "flux", "TFORM1": "E", "TTYPE2": "loglam", "TFORM2": "E",
    "EXTNAME": "COADD",
}  # fmt: skip


def fits_table(path, **changed):
    table = np.empty((10, 2), ">f4")
    table[:, 0] = X[0]
    table[:, 1] = 3.5 + 0.0001 * np.arange(10)
    primary = fits_unit(b"", SIMPLE=True, BITPIX=8, NAXIS=0, VACUUM=True, PLATEID=7, MJD=8,
                        FIBERID=9, BUNIT="1E-17 erg/cm^2/s/Ang",
                        WAT1_001="wtype=linear units=Angstroms")  # fmt: skip
    path.write_bytes(primary + fits_unit(table.tobytes(), **FITS_TABLE | changed))
    return path


def fits_image(path, **changed):
    header = {
        "SIMPLE": True, "BITPIX": -32, "NAXIS": 2, "NAXIS1": 10, "NAXIS2": 6, "CRVAL1": 5000.0,
        "CDELT1": 2.0, "CRPIX1": 1.0, "CTYPE1": "AWAV", "CUNIT1": "Angstrom", "OBJECT": "M31",
    } | changed  # fmt: skip
    path.write_bytes(fits_unit(X.astype(">f4").tobytes(), **header))
    return path


CONTENT = '<?xml version="1.0"?><Types/>'
WORKBOOK = (
    '<workbook xmlns:r="urn:r"><sheets>{}</sheets></workbook>',
    '<sheet name="{0}" sheetId="{1}" r:id="rId{1}"/>',
)
RELATION = '<Relationship Id="rId{0}" Target="worksheets/sheet{0}.xml"/>'


def xlsx(path, sheets, prolog=""):
    """A workbook with texts shared and numbers as they are."""
    texts = []

    def cell(value):
        if isinstance(value, str):
            texts.append(value)
            return f'<c t="s"><v>{len(texts) - 1}</v></c>'
        return "<c/>" if value is None else f"<c><v>{float(value)!r}</v></c>"

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", CONTENT)
        names = "".join(WORKBOOK[1].format(name, k) for k, name in enumerate(sheets, 1))
        archive.writestr("xl/workbook.xml", WORKBOOK[0].format(names))
        links = "".join(RELATION.format(k) for k in range(1, len(sheets) + 1))
        archive.writestr("xl/_rels/workbook.xml.rels", f"<Relationships>{links}</Relationships>")
        for k, rows in enumerate(sheets.values(), 1):
            body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
            sheet = f"{prolog}<worksheet><sheetData>{body}</sheetData></worksheet>"
            archive.writestr(f"xl/worksheets/sheet{k}.xml", sheet)
        shared = "".join(f"<si><t>{text}</t></si>" for text in texts)
        archive.writestr("xl/sharedStrings.xml", f"<sst>{shared}</sst>")
    return path


def xlsx_wide(path):
    header = ["sample_id", *AXIS.tolist()]
    rows = [[name, *row] for name, row in zip(IDS, X.tolist(), strict=True)]
    facts = [["sample_id", "protein [%]", "batch"]]
    facts += [[name, value, "b1"] for name, value in zip(IDS, PROTEIN.tolist(), strict=True)]
    return xlsx(path, {"spectra": [header, *rows], "lab": facts})


ALL = {
    "mat5.mat": mat5,
    "plain.mat": lambda path: mat5(path, compressed=False),
    "dataset.mat": mat5_dataset,
    "mat4.mat": mat4,
    "mat73.mat": mat73,
    "group.h5": hdf5,
    "classic.nc": netcdf3,
    "ms.cdf": andi_ms,
    "lc.cdf": andi_chromatogram,
    "arrays.npz": npz,
    "table.fits": fits_table,
    "image.fits": fits_image,
    "book.xlsx": xlsx_wide,
}
