"""The Hugging Face hub, where a model can be pushed to."""

from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

from toi.system.errors import InputError, first_line


def check_hub() -> None:
    """Raise InputError if the hub cannot be reached, or does not know us: before the training, not behind it."""
    try:
        HfApi().whoami()
    except LocalTokenNotFoundError:
        raise InputError("--push_to_hub: not logged in; run `hf auth login` first") from None
    except (HfHubHTTPError, OSError) as error:
        raise InputError(f"--push_to_hub: the Hugging Face hub does not let us in ({first_line(error)})") from None


def push(folder: str | Path, name: str | None = None) -> str:
    """Upload a model folder, and return its address. `name` is that of the folder if it is not given.

    Raises InputError if the hub does not take it; the folder stays as it is.
    """
    api = HfApi()
    try:
        address = api.create_repo(name or Path(folder).absolute().name, exist_ok=True)
        api.upload_folder(folder_path=str(folder), repo_id=address.repo_id, commit_message="A model trained with Toi")
    except HFValidationError as error:
        raise InputError(f"--hub_model_id {name}: {first_line(error)}") from None
    except (HfHubHTTPError, OSError) as error:
        raise InputError(f"{folder}: trained, but the Hugging Face hub did not take it ({first_line(error)})") from None
    return str(address)
