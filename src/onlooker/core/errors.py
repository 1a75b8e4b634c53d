"""The one tree of exceptions.

    OnlookerError            exit code 1 (never raised itself)
    +-- InputError           exit code 2: a user's input or option is wrong
    |   +-- PictureError     a picture that cannot be read
    |   +-- DatasetError     labels, splits or folders of labelled faces
    |   +-- ConfigError      a configuration file, an environment variable or an address
    |   +-- StorageError     an object store or a queue that cannot be reached, refuses, or is full
    |       +-- ObjectMissing   a key that the store does not hold
    |       +-- StorageFull     no room is left
    +-- ModelError           exit code 3: a model is missing, corrupt or cannot run here
        +-- ModelUnreadable  a model's file that this user may not read

Every message says what was expected, what came, and how to mend it, in one sentence a user can act on.
"""


class OnlookerError(Exception):
    """Base of everything this package raises on purpose; ``exit_code`` is what the command line ends with."""

    exit_code = 1


class InputError(OnlookerError):
    """A path, a file or an option that the user can put right."""

    exit_code = 2


class PictureError(InputError):
    """A picture that is missing, empty, truncated, too large or of no known format."""


class DatasetError(InputError):
    """Labelled data that cannot be used: malformed names, unknown columns, a split that does not fit."""


class ConfigError(InputError):
    """A configuration that does not hold together: an unknown key, a value out of bounds, an address of no kind."""


class StorageError(InputError):
    """An object store or a queue that cannot be reached, that refuses what was asked, or that holds something else."""


class ObjectMissing(StorageError):
    """A key that the object store does not hold: never written, deleted, or expired."""


class StorageFull(StorageError):
    """The disk, or the quota, has no room for what was to be stored."""


class ModelError(OnlookerError):
    """A model file that is missing, fails its checksum, or has no build for this platform."""

    exit_code = 3


class ModelUnreadable(ModelError):
    """A model's file that is there, as far as can be seen, and that this user may not read."""
