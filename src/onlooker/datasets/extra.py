"""The extra ``[data]``: what looking through data needs and nothing else does."""

from collections.abc import Iterator
from contextlib import contextmanager

from onlooker.core.errors import DatasetError


@contextmanager
def data_extra() -> Iterator[None]:
    """Around imports of pandas, Altair and vl-convert. Raises ``DatasetError``, which says how to get them."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise DatasetError(
            f"this needs the extra [data], of which {error.name} is missing: pip install 'onlooker[data]'"
        ) from None
