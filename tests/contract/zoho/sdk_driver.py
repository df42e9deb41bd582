"""Drives Zoho's official SDK: reads a command as JSON from each line of its input, answers with a line of JSON.

Runs in a process of its own, because the SDK keeps one connection for the whole process, loads 2,000 modules
and writes files where it stands.
"""

import json
import sys
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

_API = "zohocrmsdk.src.com.zoho.crm.api"
_AUTH = "zohocrmsdk.src.com.zoho.api.authenticator"


def _load(name: str, attribute: str) -> Any:
    return getattr(import_module(name), attribute)


def connect(url: str, folder: str, client_id: str, client_secret: str, refresh_token: str) -> None:
    """Point the SDK at a simulator. Its answers must not lead the SDK to another host."""
    environment = _load(f"{_API}.dc.data_center", "DataCenter").Environment(url, f"{url}/oauth/v2/token", url)
    token = _load(f"{_AUTH}.oauth_token", "OAuthToken")(
        client_id=client_id, client_secret=client_secret, refresh_token=refresh_token, find_user=False
    )
    config = _load(f"{_API}.sdk_config", "SDKConfig")(
        update_api_domain=False, pick_list_validation=False, connect_timeout=5, read_timeout=10
    )
    store = _load(f"{_AUTH}.store.file_store", "FileStore")(str(Path(folder) / "tokens.csv"))
    _load(f"{_API}.initializer", "Initializer").initialize(
        environment, token, store=store, sdk_config=config, resource_path=folder
    )


def query(text: str) -> dict[str, Any]:
    """Run a COQL query."""
    body = _load(f"{_API}.coql", "BodyWrapper")()
    body.set_select_query(text)
    return _read(_load(f"{_API}.coql", "CoqlOperations")().get_records(body))


def records(module: str, params: dict[str, Any], since: str | None = None) -> dict[str, Any]:
    """Get a page of records."""
    known = _load(f"{_API}.record", "GetRecordsParam")
    return _read(_operations(module).get_records(_params(known, params), _headers(since)))


def record(module: str, record_id: int) -> dict[str, Any]:
    """Get one record."""
    return _read(_operations(module).get_record(record_id))


def update(module: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Update records."""
    body = _load(f"{_API}.record", "BodyWrapper")()
    body.set_data([_record(item) for item in items])
    body.set_trigger([])
    return _read(_operations(module).update_records(body))


def _operations(module: str) -> Any:
    return _load(f"{_API}.record", "RecordOperations")(module)


def _params(known: Any, params: dict[str, Any]) -> Any:
    filled = _load(_API, "ParameterMap")()
    for name, value in params.items():
        filled.add(getattr(known, name), value)
    return filled


def _headers(since: str | None) -> Any:
    filled = _load(_API, "HeaderMap")()
    if since is not None:
        filled.add(_load(f"{_API}.record", "GetRecordsHeader").if_modified_since, datetime.fromisoformat(since))
    return filled


def _record(item: dict[str, Any]) -> Any:
    made = _load(f"{_API}.record", "Record")()
    made.set_id(item["id"])
    for name, value in item.items():
        if name == "First_No_Answer_At" and value is not None:
            made.add_key_value(name, datetime.fromisoformat(value))
        elif name.endswith("Status"):
            made.add_key_value(name, _load(f"{_API}.util", "Choice")(value))
        elif name != "id":
            made.add_key_value(name, value)
    return made


def _read(response: Any) -> dict[str, Any]:
    found = response.get_object()
    read: dict[str, Any] = {"status": response.get_status_code(), "kind": type(found).__name__}
    if read["kind"] == "APIException":
        return read | _error(found)
    if found is not None:
        read["data"] = [_item(item) for item in found.get_data()]
        info = getattr(found, "get_info", lambda: None)()
        if info is not None:
            read["more_records"] = info.get_more_records()
            read["next_page_token"] = getattr(info, "get_next_page_token", lambda: None)()
    return read


def _item(item: Any) -> Any:
    kind = type(item).__name__
    if kind == "APIException":
        return {"kind": kind, **_error(item)}
    if kind == "SuccessResponse":
        return {"kind": kind, "id": item.get_details()["id"]}
    return {name: _plain(value) for name, value in item.get_key_values().items()}


def _error(found: Any) -> dict[str, Any]:
    details = {name: _plain(value) for name, value in (found.get_details() or {}).items()}
    return {"code": found.get_code().get_value(), "message": _plain(found.get_message()), "details": details}


def _plain(value: Any) -> Any:
    """Times in UTC: the SDK shows them in the zone of the machine."""
    if isinstance(value, datetime):
        return datetime.fromtimestamp(value.timestamp()).astimezone().isoformat()
    return value.get_value() if type(value).__name__ == "Choice" else value


_COMMANDS: dict[str, Callable[..., Any]] = {f.__name__: f for f in (connect, query, records, record, update)}


def main() -> None:
    """Obey until the input ends."""
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            done = {"done": _COMMANDS[name](**arguments)}
        except Exception as problem:  # noqa: BLE001 - the test that gave the command reports it
            done = {"failed": f"{type(problem).__name__}: {problem}"}
        print(json.dumps(done), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
