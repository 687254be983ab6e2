"""The data set `hl7v2-adt`: an evening at a hospital that does not exist, as its ADT feed would tell it. Pure.

Four people who do not exist: a heart that is admitted and moved, a birth, a sprain that was a mistake, and
somebody who was registered twice and is merged. Each message is of the model PatientAdmin and says `Test: true`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

DATA_MODEL = "PatientAdmin"
FACILITY = "Stillwater Ford Hospital"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Person:
    number: str
    first: str
    last: str
    born: str
    sex: str
    street: str
    telephone: str
    language: str = "en"
    status: str = "Single"
    allergy: Json | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Stay:
    number: str
    kind: str
    reason: str
    doctor: str
    insurer: str
    diagnosis: Json | None = None
    extra: Json = field(default_factory=dict)


def _coded(code: str, name: str, codeset: str = "ICD-10") -> Json:
    return {"Code": code, "Codeset": codeset, "Name": name}


_DOCTORS = {
    "cardiology": ("7700101", "Ambrose", "Thistlewood", ["MD"]),
    "maternity": ("7700102", "Yara", "Okonjo-Lind", ["CNM"]),
    "emergency": ("7700103", "Casimir", "Vantongeren", ["MD"]),
}
_ILSE = _Person(
    "SF-204417", "Ilse", "Marrowby", "1951-03-19", "Female", "14 Tollgate Lane", "+15550100171", status="Widowed",
    allergy={**_coded("7980", "Penicillin", "RxNorm"), "Severity": {"Name": "Severe"}},
)  # fmt: skip
_NADIA = _Person(
    "SF-204892", "Nadia", "Fennimore-Achterberg", "1994-11-02", "Female", "3 Mill Race", "+15550100172",
    language="es", status="Married",
)  # fmt: skip
_TOBIAS = _Person("SF-205003", "Tobias", "Quartermain", "2009-07-28", "Male", "88 Heron Walk", "+15550100173")
_ROWAN = _Person(
    "SF-198230", "Rowan", "Dunmore", "1978-01-09", "Male", "21 Weir Street", "+15550100174", aliases=("SF-205011",)
)
_HEART = _Stay(
    "V-7031", "Inpatient", "Chest pain", "cardiology", "Ferry Mutual", _coded("I20.0", "Unstable angina"),
    {"Instructions": ["Low-salt diet"]},
)  # fmt: skip
_BIRTH = _Stay("V-7032", "Inpatient", "Labor", "maternity", "Lockkeepers Health", _coded("O80", "Normal delivery"))
_SPRAIN = _Stay("V-7033", "Emergency", "Twisted ankle", "emergency", "Ferry Mutual")
_CHECK = _Stay("V-7034", "Outpatient", "Follow-up", "cardiology", "Lockkeepers Health")

_WARD = ("Cardiology", "4-West", "A")
_CARE = ("Intensive Care", "2-North", "3")
_MOTHERS = ("Maternity", "3-East", "B")
_DESK = ("Emergency", "Triage", "1")


def messages(source_id: str, destination_id: str, now: datetime) -> list[Json]:
    """The whole set for one destination, in the order in which things happened, the last of them just now."""
    told = list(_evening())
    begin = now - timedelta(minutes=17 * (len(told) - 1))
    return [
        {"Meta": _meta(event, source_id, destination_id, begin + timedelta(minutes=17 * place)), **rest(begin)}
        for place, (event, rest) in enumerate(told)
    ]


def _evening() -> Iterator[tuple[str, Any]]:
    yield "PreAdmit", lambda at: _visit(_NADIA, _BIRTH, at, None)
    yield "Arrival", lambda at: _visit(_ILSE, _HEART, at, _DESK)
    yield "NewPatient", lambda _: {"Patient": _patient(_TOBIAS)}
    yield "Arrival", lambda at: _visit(_TOBIAS, _SPRAIN, at, _DESK)
    yield "Transfer", lambda at: _visit(_ILSE, _HEART, at, _CARE, _DESK)
    yield "Arrival", lambda at: _visit(_NADIA, _BIRTH, at, _MOTHERS)
    yield "Cancel", lambda at: _visit(_TOBIAS, _SPRAIN, at, _DESK)
    yield "Registration", lambda at: _visit(_ROWAN, _CHECK, at, None)
    yield "PatientUpdate", lambda _: {"Patient": _patient(_NADIA, street="5 Mill Race")}
    yield "PatientMerge", lambda _: {"Patient": _merged(_ROWAN)}
    yield "Transfer", lambda at: _visit(_ILSE, _HEART, at, _WARD, _CARE)
    yield "VisitUpdate", lambda at: _visit(_ILSE, _HEART, at, _WARD, room="4-South")
    yield "Discharge", lambda at: _visit(_NADIA, _BIRTH, at, _MOTHERS, left=at + timedelta(minutes=17 * 12))
    yield "Discharge", lambda at: _visit(_ILSE, _HEART, at, _WARD, left=at + timedelta(minutes=17 * 13))


def _meta(event: str, source_id: str, destination_id: str, at: datetime) -> Json:
    return {
        "DataModel": DATA_MODEL,
        "EventType": event,
        "EventDateTime": _iso(at),
        "Test": True,
        "Source": {"ID": source_id},
        "Destinations": [{"ID": destination_id}],
        "FacilityCode": "SFH",
    }


def _visit(
    who: _Person,
    stay: _Stay,
    came: datetime,
    place: tuple[str, str, str] | None,
    before: tuple[str, str, str] | None = None,
    *,
    room: str | None = None,
    left: datetime | None = None,
) -> Json:
    visit: Json = {
        "VisitNumber": stay.number,
        "VisitDateTime": _iso(came),
        "PatientClass": stay.kind,
        "Reason": stay.reason,
        "AttendingProvider": _doctor(stay.doctor),
        "Insurances": [{"Company": {"Name": stay.insurer}}],
        **stay.extra,
    }
    if place is not None:
        visit["Location"] = _location(place, room)
    if before is not None:
        visit["PreviousLocation"] = _location(before, None)
    if left is not None:
        visit["DischargeDateTime"] = _iso(left)
        visit["DischargeStatus"] = {"Code": "01", "Codeset": "UB-04", "Description": "Discharged to home"}
    patient = _patient(who) | ({"Diagnoses": [stay.diagnosis]} if stay.diagnosis else {})
    return {"Patient": patient, "Visit": visit}


def _patient(who: _Person, *, street: str | None = None) -> Json:
    return {
        "Identifiers": _numbers((who.number,)),
        "Demographics": {
            "FirstName": who.first,
            "LastName": who.last,
            "DOB": who.born,
            "Sex": who.sex,
            "MaritalStatus": who.status,
            "Language": who.language,
            "PhoneNumber": {"Home": who.telephone},
            "Address": {
                "StreetAddress": street or who.street,
                "City": "Stillwater Ford",
                "State": "WI",
                "ZIP": "53599",
                "Country": "US",
            },
        },
        "Allergies": [who.allergy] if who.allergy else [],
    }


def _merged(who: _Person) -> Json:
    """Somebody with the numbers that end; a merge tells of nothing clinical."""
    kept = {name: value for name, value in _patient(who).items() if name != "Allergies"}
    return kept | {"PreviousIdentifiers": _numbers(who.aliases)}


def _numbers(ids: tuple[str, ...]) -> list[Json]:
    return [{"ID": each, "IDType": "MR"} for each in ids]


def _doctor(word: str) -> Json:
    number, first, last, credentials = _DOCTORS[word]
    return {"ID": number, "IDType": "Staff", "FirstName": first, "LastName": last, "Credentials": credentials}


def _location(place: tuple[str, str, str], room: str | None) -> Json:
    department, usual, bed = place
    return {"Type": "Inpatient", "Facility": FACILITY, "Department": department, "Room": room or usual, "Bed": bed}


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
