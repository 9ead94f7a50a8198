"""One HDF5 file a store, written once."""
