"""What kind of value a field holds, so that a route can say which kinds may cross."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from procore_4hse.mapping.paths import stem


class FieldClass(StrEnum):
    """From the class that needs the least care to the one that needs the most."""

    PLAIN = "plain"
    LOCATION = "location"
    IDENTITY = "identity"
    HEALTH = "health"

    def is_below(self, other: FieldClass) -> bool:
        order = list(FieldClass)
        return order.index(self) < order.index(other)


def _classed(**names: str) -> Mapping[str, FieldClass]:
    return {name: FieldClass(word) for word, listed in names.items() for name in listed.split()}


INCIDENT_CLASSES: Mapping[str, Mapping[str, FieldClass]] = {
    "procore": _classed(identity="created_by", location="location_id location", health="injuries near_misses"),
    "4hse": _classed(identity="deponent creator"),
}
"""An incident's fields that are not plain. Its headline, day, status and category are what a register is."""
PERSON_CLASSES: Mapping[str, Mapping[str, FieldClass]] = {
    "procore": _classed(
        identity="affected_party affected_person affected_company",
        health="""
            affected_body_parts affliction_type body_diagram_type custom_field_ID date_of_death
            date_returned_to_work description filing_type harm_source hospitalized_overnight recordable
            treated_in_er treatment_facility treatment_facility_address treatment_provider work_days_absent
            work_days_restricted work_days_transferred
        """,
    ),
    "4hse": _classed(
        identity="person_office_id person_id person_code person_first_name person_last_name",
        health="code days description",
    ),
}
"""The fields of an injury, a near miss or an involved person that are not plain."""
CLASSES = {"incident": INCIDENT_CLASSES, "person": PERSON_CLASSES}


def own_class(record: str, procore: str, fourhse: str, *, on_a_line: bool = False) -> FieldClass:
    """The class of a row by its two fields, the higher of both; a named line has Procore's, whatever surrounds it."""
    # A record without classes of its own, such as equipment, is plain.
    classes = CLASSES.get(record, {"procore": {}, "4hse": {}})
    mine = classes["procore"].get(stem(procore), FieldClass.PLAIN)
    theirs = FieldClass.PLAIN if on_a_line else classes["4hse"].get(fourhse, FieldClass.PLAIN)
    return theirs if mine.is_below(theirs) else mine
