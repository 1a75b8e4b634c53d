"""Keras on the torch backend, loaded so that nothing of the user's changes.

Keras reads its backend from the environment and its defaults from ``~/.keras/keras.json``, and writes that file where
it is missing. Here both are set for the moment of the import alone: the networks are the same on every machine, the
environment and the home folder stay as they were. Weights that Keras fetches lie in ``HOME``.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import platformdirs

from onlooker.core.errors import ConfigError

HOME = platformdirs.user_cache_path("onlooker") / "keras"
"""Keras' own folder, in the user's cache (``XDG_CACHE_HOME`` on Linux moves it)."""


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:  # Keras and torch leave settings of their own behind
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


if "keras" in sys.modules:
    import keras  # type: ignore[import-untyped]
else:
    with _environment(KERAS_BACKEND="torch", KERAS_HOME=str(HOME)):
        import keras

if keras.backend.backend() != "torch":
    raise ConfigError(
        f"the report's networks run on Keras with torch, but keras is loaded here with {keras.backend.backend()}; "
        "import onlooker.report before keras, or set KERAS_BACKEND=torch"
    )

__all__ = ["HOME", "keras"]
