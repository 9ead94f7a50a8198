"""Spectra for the store's tests: any that the dataclass allows, and a comparison to the bit."""

from dataclasses import fields

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum

texts = st.text(max_size=12)  # any code point but surrogates, zero bytes included
numbers = st.floats(allow_nan=True, width=64)
missing_or_finite = st.floats(allow_nan=True, allow_infinity=False, width=64)
finite = st.floats(allow_nan=False, allow_infinity=False)
integers = st.integers(-(1 << 62), 1 << 62)
json_values = st.recursive(
    st.none() | st.booleans() | integers | finite | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
molecules = st.builds(
    Molecule, name=texts, inchikey=texts, smiles=texts, inchi=texts, formula=texts,
    exact_mass=numbers, peptide=texts,
)  # fmt: skip
column_types = st.sampled_from(["f4", "f8", "i2", "i8", "u1", "bool"])


@st.composite
def point_columns(draw, n):
    made = {}
    for name in draw(st.lists(st.text(min_size=1, max_size=5), max_size=2, unique=True)):
        if draw(st.booleans()):
            texts_of = draw(st.lists(texts, min_size=n, max_size=n))
            made[name] = np.empty(n, dtype=object)
            made[name][:] = texts_of
        else:
            made[name] = draw(hnp.arrays(draw(column_types), n))
    return made


@st.composite
def spectra(draw, trace=None):
    is_trace = draw(st.booleans()) if trace is None else trace
    n = draw(st.integers(0, 5))
    components = draw(st.sampled_from([1, 1, 1, 2, 4]))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    shape = (n,) if components == 1 else (n, components)
    if is_trace and draw(st.booleans()):
        axis = np.arange(n, dtype=float)  # several traces on one axis
    else:
        axis = draw(hnp.arrays(np.float64, n, elements=finite))
    return Spectrum(
        modality=draw(st.sampled_from(Modality)),
        axis=Axis(axis, draw(st.sampled_from(["m/z", "ppm", "nm", "cm^-1", "s", "", "Å\0"]))),
        value=draw(hnp.arrays(dtype, shape)),
        value_unit=draw(texts),
        is_trace=is_trace,
        native_id=draw(texts),
        name=draw(texts),
        ms_level=draw(st.integers(0, 1 << 62)),
        polarity=draw(st.sampled_from([-1, 0, 1])),
        is_profile=draw(st.sampled_from([None, False, True])),
        precursor_mz=draw(missing_or_finite),
        precursor_intensity=draw(missing_or_finite),
        charge=draw(integers),
        adduct=draw(texts),
        isolation_lower=draw(missing_or_finite),
        isolation_upper=draw(missing_or_finite),
        collision_energy=draw(texts),
        collision_energy_value=draw(missing_or_finite),
        collision_energy_unit=draw(texts),
        activation=draw(texts),
        rt_seconds=draw(missing_or_finite),
        instrument=draw(texts),
        sample=draw(texts),
        replicate=draw(integers),
        molecule=draw(st.none() | molecules),
        columns=draw(point_columns(n)),
        extra=draw(st.dictionaries(texts, json_values, max_size=3)),
    )


def peaks(mz=(100.0, 200.5), intensity=(1.0, 0.5), **fields_of):
    """Return a small mass spectrum."""
    values = np.asarray(intensity, np.float32)
    return Spectrum(Modality.MSMS, Axis(np.asarray(mz, float), "m/z"), values, **fields_of)


def trace(axis, value, modality=Modality.NIR, unit="nm", **fields_of):
    """Return a trace."""
    return Spectrum(
        modality, Axis(np.asarray(axis, float), unit), np.asarray(value), is_trace=True, **fields_of
    )


def same_bits(a, b):
    """Tell whether two arrays hold the same numbers to the bit (float32 widened)."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    if a.dtype.kind == "f":
        a, b = a.astype(np.float64), b.astype(np.float64)
        both_nan = np.isnan(a) & np.isnan(b)
        return bool(((a.view(np.int64) == b.view(np.int64)) | both_nan).all())
    return a.tolist() == b.tolist()


def same_scalar(a, b):
    if isinstance(a, float) and isinstance(b, float | int):
        return same_bits(np.float64(a), np.float64(b))
    return a == b and type(a) is type(b)


def differences(wrote, read):
    """Return the names of the fields in which two spectra differ."""
    wrong = []
    for field in fields(Spectrum):
        a, b = getattr(wrote, field.name), getattr(read, field.name)
        if field.name == "axis":
            equal = a.unit == b.unit and same_bits(a.values, b.values)
        elif field.name == "value":
            equal = same_bits(a, b)
        elif field.name == "columns":
            equal = a.keys() == b.keys() and all(
                same_bits(a[key], b[key]) and a[key].dtype == b[key].dtype for key in a
            )
        elif field.name == "molecule" and a is not None and b is not None:
            names = [f.name for f in fields(Molecule)]
            equal = all(same_scalar(getattr(a, n), getattr(b, n)) for n in names)
        else:
            equal = same_scalar(a, b)
        if not equal:
            wrong.append(field.name)
    return wrong
