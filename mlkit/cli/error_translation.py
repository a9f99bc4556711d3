"""Turns any exception into one MlkitError with a next step."""

import errno

from typer import Abort
from typer._click.exceptions import ClickException, NoArgsIsHelpError, UsageError  # Typer has a click of its own and publishes neither

from mlkit import errors
from mlkit.errors import MlkitError, SaveFailed

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def as_error(problem: Exception) -> MlkitError | None:
    """The MlkitError for the exception; None if only a defect in mlkit can raise it."""
    match problem:
        case MlkitError():
            return problem
        case NoArgsIsHelpError():
            return errors.UsageError("", cure="")  # the help is printed already
        case UsageError() if problem.ctx is not None:
            return errors.UsageError(problem.format_message(), cure=f"`{problem.ctx.command_path} --help` shows the arguments and options.")
        case ClickException():
            return errors.UsageError(problem.format_message())
        case Abort():
            return errors.UsageError("There was no answer", cure="`--help` shows the option that answers the question.")
        case PermissionError(filename=str(name)):
            return errors.UsageError(f"{name}: {problem.strerror}", cure=f"`ls -ld {name}` shows who may read and write it.")
        case OSError(errno=number) if number in _DISK:
            return SaveFailed(f"{problem.filename or 'A file'} cannot be written: {problem.strerror}")
    return _from_our_packages(problem) or _from_the_sdk(problem)


def _from_our_packages(problem: Exception) -> MlkitError | None:
    """The error for one of localaws or sagemaker_formats; neither is imported unless it raised."""
    match type(problem).__module__:
        case "sagemaker_formats.errors":
            return errors.InvalidData(str(problem), cure=getattr(problem, "cure", None))
        case "localaws.errors":
            from mlkit.cli import local_errors

            return local_errors.as_error(problem)
    return None


def _from_the_sdk(problem: Exception) -> MlkitError | None:
    """The MlkitError for an answer of AWS that no other code translated."""
    if type(problem).__module__.partition(".")[0] not in ("boto3", "botocore"):
        return None
    from mlkit.aws.session import aws_errors

    try:
        with aws_errors():
            raise problem  # noqa: TRY301  the context manager is what translates it
    except MlkitError as error:
        return error
    except Exception:
        return None
