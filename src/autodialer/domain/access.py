"""Who may do what at the console, and what is written down of it."""

from enum import StrEnum
from typing import Final

LONGEST_NAME: Final = 60  # characters of a user's


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
    MAKE_PLAN = "make_plan"
    FIND_DRIFT = "find_drift"
    SETTLE_CALL = "settle_call"
    MATCH_CALLBACK = "match_callback"
    DISMISS_CALLBACK = "dismiss_callback"
    RETRY_UPDATE = "retry_update"
    GIVE_UP_UPDATE = "give_up_update"
    WRITE_AGAIN = "write_again"
    LOOK_AGAIN = "look_again"
    SUPPRESS = "suppress"
    ALLOW = "allow"
    IMPORT_NUMBERS = "import_numbers"
    EXPORT_NUMBERS = "export_numbers"
    PRUNE = "prune"


THE_API = "API"  # who acts with API_TOKEN, the commands among them
