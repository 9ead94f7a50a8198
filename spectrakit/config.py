"""Where things live on this computer, and the defaults a user keeps in a TOML file.

``SPECTRAKIT_HOME`` moves everything (libraries, models, cache, config.toml) under one folder;
otherwise the operating system's own places are used. Nothing else is ever written unasked.
"""

import os
from pathlib import Path
from typing import Any

from spectrakit.errors import InputError

HOME_VARIABLE = "SPECTRAKIT_HOME"


def data_folder() -> Path:
    """Return the folder that holds ``libraries/`` and ``models/``."""
    home = os.environ.get(HOME_VARIABLE)
    if home:
        return Path(home).expanduser()
    from platformdirs import user_data_path

    return user_data_path("spectrakit", appauthor=False)


def cache_folder() -> Path:
    """Return the folder for what can be made again."""
    home = os.environ.get(HOME_VARIABLE)
    if home:
        return Path(home).expanduser() / "cache"
    from platformdirs import user_cache_path

    return user_cache_path("spectrakit", appauthor=False)


def user_config() -> Path:
    """Return the path of the user's own config.toml, which need not exist."""
    home = os.environ.get(HOME_VARIABLE)
    if home:
        return Path(home).expanduser() / "config.toml"
    from platformdirs import user_config_path

    return user_config_path("spectrakit", appauthor=False) / "config.toml"


def load_config(path: Path) -> dict[str, Any]:
    """Read a TOML file of option defaults, one table for each verb.

    Raises:
        InputError: the file cannot be read or is no TOML; the message gives the line.
    """
    import tomllib

    try:
        with path.open("rb") as handle:
            return tomllib.load(handle)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror}.", hint="Check --config."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: is no TOML: {error}.",
            hint='Write one table for each verb, such as "[identify]" and "top = 10".',
        ) from error
