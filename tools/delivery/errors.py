"""What stops a promotion or a rollback."""


class Refused(Exception):  # noqa: N818 - it reads as what happened
    """It is not done, and nothing was changed; one paragraph for people, with what to do about it."""
