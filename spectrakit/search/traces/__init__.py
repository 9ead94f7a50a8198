"""Search for traces (IR, Raman, NIR, reflectance, optical): comparable forms, index, verdict."""
