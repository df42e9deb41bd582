"""Who may do what at the console, and what is written down of it."""

from enum import StrEnum


class Role(StrEnum):
    """A viewer sees, with personal data masked; an operator sees all and acts."""

    VIEWER = "viewer"
    OPERATOR = "operator"


class Action(StrEnum):
    """What somebody did, as the audit trail names it."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    ADD_USER = "add_user"
    REMOVE_USER = "remove_user"
    PAUSE = "pause"
    RESUME = "resume"
    ACCEPT = "accept"
    START_RUN = "start_run"


THE_API = "API"  # who acts with API_TOKEN, the commands among them
