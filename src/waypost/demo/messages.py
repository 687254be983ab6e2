"""The demo's messages: visits to a hospital that does not exist, by people who do not exist.

Each visit is five PatientAdmin events whose order matters: nobody is discharged before they arrived.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

EVENTS = ("PreAdmit", "Arrival", "Transfer", "VisitUpdate", "Discharge")
DATA_MODEL = "PatientAdmin"

_FIRST_NAMES = ("Ottoline", "Bramwell", "Juniper", "Thaddeus", "Marigold", "Ignatius", "Peregrine", "Clementine")
_LAST_NAMES = ("Lanternfield", "Teacup", "Otterholm", "Biscuit", "Quillfeather", "Marmalade", "Puddlewick")
_DEPARTMENTS = ("Emergency", "Cardiology", "Orthopedics", "Maternity")
_REASONS = ("Fell off a unicycle", "Hiccups for a week", "Swallowed a button", "Sore thumb", "Annual check-up")
_NIGHT_SHIFT = datetime(2026, 1, 5, 22, 0, tzinfo=UTC)


def feed(source_id: str, destination_id: str) -> Iterator[dict[str, Any]]:
    """The hospital's messages, in the order in which things happen there; without end."""
    names = tuple(product(_LAST_NAMES, _FIRST_NAMES))
    number = 0
    while True:
        for event in EVENTS:
            visit = number // len(EVENTS)
            last, first = names[visit % len(names)]
            meta = _meta(event, number, source_id, destination_id)
            yield {"Meta": meta, "Patient": _patient(visit, first, last), "Visit": _visit(visit, event)}
            number += 1


def encode(message: dict[str, Any]) -> bytes:
    """The message as it is sent."""
    return json.dumps(message, separators=(",", ":")).encode()


def _meta(event: str, number: int, source_id: str, destination_id: str) -> dict[str, Any]:
    return {
        "DataModel": DATA_MODEL,
        "EventType": event,
        "EventDateTime": _iso(_NIGHT_SHIFT + timedelta(minutes=number)),
        "Test": True,
        "Source": {"ID": source_id},
        "Destinations": [{"ID": destination_id}],
        "FacilityCode": "NOWHERE",
    }


def _patient(visit: int, first: str, last: str) -> dict[str, Any]:
    return {
        "Identifiers": [{"ID": f"DEMO-{visit + 1:06d}", "IDType": "MR"}],
        "Demographics": {
            "FirstName": first,
            "LastName": last,
            "DOB": f"{1940 + visit * 7 % 80}-{1 + visit % 12:02d}-{1 + visit * 5 % 28:02d}",
            "Sex": ("Female", "Male", "Unknown")[visit % 3],
            "Language": "en",
            "Address": {
                "StreetAddress": f"{visit + 1} Imaginary Lane",
                "City": "Nowhere",
                "State": "WI",
                "ZIP": "00000",
                "Country": "US",
            },
        },
    }


def _visit(visit: int, event: str) -> dict[str, Any]:
    step = EVENTS.index(event)
    found: dict[str, Any] = {
        "VisitNumber": f"V{visit + 1:06d}",
        "PatientClass": "Emergency" if step < EVENTS.index("Transfer") else "Inpatient",
        "VisitDateTime": _iso(_NIGHT_SHIFT + timedelta(minutes=visit * len(EVENTS))),
        "Reason": _REASONS[visit % len(_REASONS)],
        "AttendingProvider": {"ID": "DEMO-DR-1", "FirstName": "Wilhelmina", "LastName": "Stethoscope"},
        "Location": {
            "Type": "Inpatient",
            "Facility": "Nowhere General Hospital",
            "Department": _DEPARTMENTS[0 if step < EVENTS.index("Transfer") else 1 + visit % 3],
            "Room": str(100 + visit % 40),
        },
    }
    if event == "Discharge":
        found["DischargeDateTime"] = _iso(_NIGHT_SHIFT + timedelta(minutes=visit * len(EVENTS) + step))
    return found


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"
