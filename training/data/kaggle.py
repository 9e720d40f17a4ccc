"""Download a data set of Kaggle through Kaggle's own client, which resumes and checks hashes itself."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from training.data.download import DownloadError
from training.data.sources import DataError

_ATTEMPTS = 3
_CREDENTIALS = "Put a token of Kaggle (Settings, API) into ~/.kaggle/kaggle.json, or set KAGGLE_USERNAME and KAGGLE_KEY"
_OWN_COPY = "or pass --data DIR, a copy that you have"


def bring(handle: str, labels: Sequence[str], folder: Path) -> None:
    """Download a data set and copy its class folders to a folder.

    Args:
        handle: "owner/name" of the data set on Kaggle.
        labels: the class folders to look for, at whatever depth they lie side by side.
        folder: where to.
    Raises: DownloadError without network or where Kaggle asks for credentials; DataError if the folders are not there.
    """
    brought = _download(handle)
    places = [p.parent for p in sorted(brought.rglob(labels[0])) if all((p.parent / name).is_dir() for name in labels)]
    if not places:
        raise DataError(f"{handle} of Kaggle no longer holds the folders {', '.join(labels)}.")
    for name in labels:
        shutil.copytree(places[0] / name, folder / name, dirs_exist_ok=True)


def _download(handle: str) -> Path:
    try:
        import kagglehub
        import requests
        from kagglehub import exceptions
    except ImportError:
        raise DownloadError(
            "this environment has no Kaggle client; `make fetch` downloads with the one that has it."
        ) from None
    logging.getLogger("kagglehub").setLevel(logging.WARNING)  # it would list every step
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return Path(kagglehub.dataset_download(handle))
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if status in (401, 403):
                raise DownloadError(
                    f"Kaggle asks who wants {handle} ({status}). {_CREDENTIALS}; {_OWN_COPY}."
                ) from None
            raise DownloadError(f"Kaggle answered {status} for {handle}; try again later, {_OWN_COPY}.") from None
        except (exceptions.CredentialError, exceptions.UnauthenticatedError) as error:
            raise DownloadError(
                f"Kaggle does not take the credentials: {error}. {_CREDENTIALS}; {_OWN_COPY}."
            ) from None
        except (requests.RequestException, exceptions.DataCorruptionError, exceptions.BackendError) as error:
            if attempt == _ATTEMPTS:
                raise DownloadError(
                    f"cannot fetch {handle} from Kaggle ({type(error).__name__}). Check the network and run the same "
                    f"command again, which goes on from here; {_OWN_COPY}."
                ) from None
    raise AssertionError("the last attempt returns or raises")
