"""The one tree of exceptions.

    OnlookerError            exit code 1 (never raised itself)
    +-- InputError           exit code 2: a user's input or option is wrong
    |   +-- PictureError     a picture that cannot be read
    |   +-- DatasetError     labels, splits or folders of labelled faces
    +-- ModelError           exit code 3: a model is missing, corrupt or cannot run here

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


class ModelError(OnlookerError):
    """A model file that is missing, fails its checksum, or has no build for this platform."""

    exit_code = 3
