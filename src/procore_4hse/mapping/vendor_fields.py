"""The fields that both vendors document, by record and column, and the words that Procore fixes."""

from __future__ import annotations


def _named(names: str) -> frozenset[str]:
    return frozenset(names.split())


INCIDENT_FIELDS = {
    "procore": _named(
        """
        actions contributing_behavior contributing_behavior_id contributing_condition contributing_condition_id
        created_at created_by custom_field_ID custom_status_id description environmentals event_date hazard hazard_id
        id injuries location location_id near_misses number private property_damages recordable records records_count
        status time_unknown title type_id updated_at witness_statements
        """
    ),
    "4hse": _named(
        """
        actions category code created_at creator date_closed date_incident deponent description_actions_involved
        description_event external_reference_id name office_incident_id office_name permission project_name
        project_type resources status subtenant_id tenant_id totInvolvedPerson totSicknessDays
        """
    ),
}
"""An incident's own and joined fields, by column (P41, P45, P60-72, P102, H4).

`records`, its four kinds and `actions` stand for lists of Procore's, `witness_statements` for their number, `actions`
and `resources` of 4HSE for its lists.
"""
PERSON_FIELDS = {
    "procore": _named(
        """
        affected_body_parts affected_company affected_party affliction_type body_diagram_type custom_field_ID
        date_of_death date_returned_to_work description filing_type full_number harm_source
        hospitalized_overnight id incident_id managed_equipment number recordable treated_in_er
        treatment_facility treatment_facility_address treatment_provider work_activity work_days_absent
        work_days_restricted work_days_transferred
        """
    ),
    "4hse": _named(
        """
        code days description office_incident_id office_incident_person_id person_code person_first_name
        person_id person_last_name person_office_id subtenant_id tenant_id
        """
    ),
}
"""The fields of an injury or a near miss (P74, P87-102), and of an involved person (H9)."""
EQUIPMENT_FIELDS = {
    "procore": _named("managed_equipment"),
    "4hse": _named("entity_id entity_type description office_incident_id office_incident_resource_id"),
}
"""The equipment that a Procore record names, and a 4HSE IncidentResource (P96, H9)."""
NEVER_WRITTEN = {
    "procore": frozenset({"distribution_member_ids", "assignee_ids"}),
    "4hse": frozenset({"manager", "assignee", "watcher", "to"}),
}
"""Distribution members get mail (P73), assignees are named by login ids that no list of ours has (P70).

The form of 4HSE's four is not documented, nor whether writing them sends mail (H4).
"""
READ_ONLY = {"procore": frozenset({"number", "created_by"}), "4hse": frozenset({"creator", "date_closed"})}
"""Set by the vendor alone, or with a status; a row may carry them away from there."""
INJURY_ONLY = _named(
    """
    affected_body_parts affliction_type body_diagram_type date_of_death date_returned_to_work filing_type
    hospitalized_overnight recordable treated_in_er treatment_facility treatment_facility_address treatment_provider
    work_days_absent work_days_restricted work_days_transferred
    """
)
"""What a near miss does not have."""
PERSON_READ_ONLY = {"procore": _named("date_of_death full_number number"), "4hse": _named("")}
"""The same of an injury. Its day of death has one form on a create and another on an update (P91), and alerts."""
AT_CREATION = _named("date_returned_to_work")
"""What Procore takes with a new record alone (P91)."""
PICKERS = {"affliction_type": "affliction_types", "harm_source": "harm_sources", "work_activity": "work_activities"}
"""Fields whose words are a list of the company's, with ids of its own (P97)."""
NAME_LISTS = {
    "affected_company": "vendors",
    "contributing_behavior": "contributing_behaviors",
    "contributing_condition": "contributing_conditions",
    "harm_source": "harm_sources",
    "hazard": "hazards",
    "location": "locations",
    "work_activity": "work_activities",
}
"""Fields that Procore shows as an object with a name, each with the list from which it takes an id."""
INCIDENT_LISTS = frozenset({"contributing_behaviors", "contributing_conditions", "hazards", "locations"})
"""Those whose entries an incident names itself."""
FIXED_WORDS = {
    "body_diagram_type": _named("feminine masculine"),
    "filing_type": _named(
        """
        fatality first_aid lost_time medically_treated refused_care report_only restricted_work
        """
    ),
    "affected_body_parts": _named(
        """
        abdomen ankle ankle_left ankle_right arm arm_left arm_right back body_systems breast
        breast_left breast_right buttock chest circulatory_system cranium digestive_system ear
        ear_left ear_right elbow elbow_left elbow_right entire_body_systemic eye eye_left eye_right
        face finger finger_index finger_index_left finger_index_right finger_middle
        finger_middle_left finger_middle_right finger_pinky finger_pinky_left finger_pinky_right
        finger_ring finger_ring_left finger_ring_right foot foot_left foot_right foot_top_left
        foot_top_right forearm forearm_left forearm_right groin hand hand_back_left hand_back_right
        hand_left hand_right head head_back heart heel_left heel_right hip hip_left hip_right
        internal_organs knee knee_left knee_right leg leg_left leg_right lower_back lower_back_left
        lower_back_right lower_leg lower_leg_left lower_leg_right lungs mouth neck neck_back
        neck_left neck_right nervous_system nose palm_left palm_right pec pec_left pec_right pelvis
        pelvis_front psychological reproductive_system respiratory_system ribs ribs_left ribs_right
        shoulder shoulder_left shoulder_right skin tailbone teeth throat thumb thumb_left
        thumb_right toe toe_fifth toe_fifth_left toe_fifth_right toe_first toe_first_left
        toe_first_right toe_fourth toe_fourth_left toe_fourth_right toe_second toe_second_left
        toe_second_right toe_third toe_third_left toe_third_right torso upper_arm upper_arm_left
        upper_arm_right upper_back upper_back_left upper_back_right upper_leg upper_leg_left
        upper_leg_right urinary_system vertebrae wrist wrist_left wrist_right
        """
    ),
}
"""Words that Procore's contract fixes for an injury (P88-90)."""
