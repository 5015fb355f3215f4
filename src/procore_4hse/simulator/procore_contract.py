"""What Procore's published contract allows, as tables: query names per listing, body members per kind.

A specification is words of the form `name:type`, `name:type?` (null allowed) or `sort=a,b,c`.
`f.x` stands for `filters[x]`; types that end in `[]` arrive as repeated `filters[x][]`.
`word(x)` is one of WORDS[x].
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


BODY_PART_KEYS = _words(
    """abdomen ankle ankle_left ankle_right arm arm_left arm_right back body_systems breast breast_left breast_right
    buttock chest circulatory_system cranium digestive_system ear ear_left ear_right elbow elbow_left elbow_right
    entire_body_systemic eye eye_left eye_right face finger finger_index finger_index_left finger_index_right
    finger_middle finger_middle_left finger_middle_right finger_pinky finger_pinky_left finger_pinky_right finger_ring
    finger_ring_left finger_ring_right foot foot_left foot_right foot_top_left foot_top_right forearm forearm_left
    forearm_right groin hand hand_back_left hand_back_right hand_left hand_right head head_back heart heel_left
    heel_right hip hip_left hip_right internal_organs knee knee_left knee_right leg leg_left leg_right lower_back
    lower_back_left lower_back_right lower_leg lower_leg_left lower_leg_right lungs mouth neck neck_back neck_left
    neck_right nervous_system nose palm_left palm_right pec pec_left pec_right pelvis pelvis_front psychological
    reproductive_system respiratory_system ribs ribs_left ribs_right shoulder shoulder_left shoulder_right skin tailbone
    teeth throat thumb thumb_left thumb_right toe toe_fifth toe_fifth_left toe_fifth_right toe_first toe_first_left
    toe_first_right toe_fourth toe_fourth_left toe_fourth_right toe_second toe_second_left toe_second_right toe_third
    toe_third_left toe_third_right torso upper_arm upper_arm_left upper_arm_right upper_back upper_back_left
    upper_back_right upper_leg upper_leg_left upper_leg_right urinary_system vertebrae wrist wrist_left wrist_right"""
)

WORDS: Mapping[str, tuple[str, ...]] = {
    "status": ("open", "closed"),
    "filing": _words(
        "report_only refused_care first_aid medically_treated restricted_work lost_time fatality recordable"
    ),
    "diagram": ("feminine", "masculine"),
    "unit": _words("hours days weeks months years ea ls lf sf sy cy lbs ton mm m m^2 m^3 kg t"),
    "part": BODY_PART_KEYS,
    "project_view": ("ids", "compact", "normal", "extended"),
    "project_status": ("All", "Active", "Inactive"),
    "minimal": ("minimal",),
    "user_view": ("compact", "normal"),
    "people_view": ("normal", "extended", "web"),
    "company_people_view": ("normal", "extended"),
    "vendor_view": _words("extended ids_only list name minimal normal"),
    "ownership": ("Owned", "Rented", "Sub"),
}

FILING_TYPES = WORDS["filing"][:-1]
"""From least to most severe. 'recordable' is a deprecated word of the contract: it sets recordable=true (P90)."""


@dataclass(frozen=True)
class Field:
    """One member of a body or one query name. `choices` binds words and sort keys, empty elsewhere."""

    name: str
    type: str
    nullable: bool = False
    choices: tuple[str, ...] = ()


Fields = Mapping[str, Field]


def _field(word: str) -> Field:
    if word.startswith("sort="):
        return Field("sort", "sort", choices=tuple(word[5:].split(",")))
    name, _, kind = word.partition(":")
    nullable = kind.endswith("?")
    kind = kind.rstrip("?")
    choices: tuple[str, ...] = ()
    if "(" in kind:
        kind, _, group = kind.partition("(")
        choices = WORDS[group.split(")")[0]]
        kind = "words[]" if group.endswith("[]") else "word"
    return Field(f"filters[{name[2:]}]" if name.startswith("f.") else name, kind, nullable, choices)


def fields(*texts: str) -> Fields:
    parsed = (_field(word) for text in texts for word in text.split())
    return MappingProxyType({field.name: field for field in parsed})


PAGES = "page:int per_page:int"
LINKS = "drawing_revision_ids:ints[] file_version_ids:ints[] form_ids:ints[] image_ids:ints[]"
INCIDENT = f"""description:text? event_date:moment type_id:int custom_status_id:int assignee_ids:ints[]
    distribution_member_ids:ints[] private:bool recordable:bool status:word(status) time_unknown:bool title:text
    contributing_behavior_id:int? contributing_condition_id:int? hazard_id:int? location_id:int?
    upload_uuids:texts[] {LINKS}"""
RECORD = "description:text? affected_company_id:int? managed_equipment_id:int? work_activity_id:int?"
PERSON = "affected_person_id:int? affected_party_id:int? harm_source_id:int?"
INJURY = f"""{RECORD} {PERSON} filing_type:word(filing)? hospitalized_overnight:bool? recordable:bool?
    treated_in_er:bool? treatment_facility_address:text? treatment_facility:text? treatment_provider:text?
    work_days_absent:int? work_days_restricted:int? work_days_transferred:int? affliction_type_id:int?
    body_diagram_type:word(diagram)? affected_body_parts:word(part)[] body_part_ids:ints[]"""
DAMAGE = f"{RECORD} estimated_cost_impact:number? responsible_company_id:int?"
ENVIRONMENTAL = f"""{RECORD} estimated_cost_impact:number? environmental_type_id:int? quantity_value:number?
    quantity_unit_of_measure:word(unit)?"""
STATEMENT = "statement:text? date_received:day? witness_id:int"
ACTION = f"incident_id:int action_type_id:int description:text? upload_ids:texts[] {LINKS}"


@dataclass(frozen=True)
class Kind:
    """A kind of record: its names, the members that its writes may carry, and those that a create needs."""

    name: str
    plural: str
    """The last part of the path and the key in an incident's show."""
    wrapper: str
    create: Fields
    update: Fields
    nested: Fields
    required: tuple[str, ...]
    query: Fields
    bin_query: Fields
    bin_version: str = "v1.0"
    counted: bool = True
    """Whether records_count counts it (and the count within the incident numbers it)."""
    validates: bool = False
    """Whether its writes take run_configurable_validations (P75)."""


PICKED = "f.affected_company_id:ints[] f.affected_party_id:ints[] f.affected_person_id:ints[]"
PEOPLE_FILTERS = f"f.created_at:range {PICKED} f.harm_source_id:ints[] f.work_activity_id:ints[]"
EQUIPMENT = "f.managed_equipment_id:int f.query:text"
CHILD = f"incident_id:int {PAGES}"
INCIDENT_QUERY = f"""{PAGES} f.id:ints[] f.created_at:range f.updated_at:range f.event_date:range
    f.location_id:ints[] f.status:word(status)[] f.contributing_behavior_id:ints[]
    f.contributing_condition_id:ints[] f.hazard_id:ints[] f.time_unknown:bool f.recordable:bool f.query:text
    f.has_root_cause_analysis:bool
    sort=contributing_behavior,contributing_condition,created_at,event_date,hazard,number,recordable,records_count,title"""
INJURY_QUERY = f"""{CHILD} {PEOPLE_FILTERS} {EQUIPMENT} f.recordable:bool f.affected_body_part:word(part)[]
    f.filing_type:word(filing)[]
    sort=affected_company,affected_person,created_at,full_number,harm_source,managed_equipment,number,recordable,work_activity"""
NEAR_MISS_QUERY = f"""{CHILD} {PEOPLE_FILTERS} {EQUIPMENT}
    sort=affected_company,affected_person,created_at,managed_equipment,full_number,harm_source,number,work_activity"""
OTHER_SORTS = "affected_company,created_at,managed_equipment,full_number,number,work_activity"
DAMAGE_QUERY = f"{CHILD} f.responsible_company_id:ints[] f.query:text"
ENVIRONMENTAL_QUERY = f"{CHILD} f.environmental_type_id:ints[] f.query:text"
STATEMENT_QUERY = f"""{CHILD} f.created_at:range f.date_received:range f.witness_id:ints[] f.query:text
    sort=created_at,date_received,witness"""
ACTION_QUERY = f"{CHILD} f.created_at:range f.updated_at:range f.query:text sort=created_at,updated_at,action_type"

KINDS: tuple[Kind, ...] = (
    Kind(
        "incident",
        "incidents",
        "incident",
        create=fields(INCIDENT),
        update=fields(INCIDENT),
        nested=fields(),
        required=("title", "event_date"),  # By the text; the schema requires nothing (P60).
        # The bin lacks these three filters.
        query=fields(INCIDENT_QUERY, "f.custom_status_id:ints[] f.type_id:ints[] f.assignee_id:ints[]"),
        bin_query=fields(INCIDENT_QUERY),
        counted=False,
        validates=True,
    ),
    Kind(
        "injury",
        "injuries",
        "injury",
        # The day of return can be set on a create only (P91).
        create=fields("incident_id:int date_of_death:day? date_returned_to_work:day?", INJURY),
        update=fields("date_of_death:day?", INJURY),
        nested=fields("date_of_death:day?", INJURY),
        required=("incident_id",),
        query=fields(INJURY_QUERY, "f.affliction_type_id:int f.body_part_id:ints[]"),
        bin_query=fields(INJURY_QUERY, "f.affliction_type_id:ints[]"),
        validates=True,
    ),
    Kind(
        "near_miss",
        "near_misses",
        "near_miss",
        create=fields("incident_id:int", RECORD, PERSON),
        update=fields(RECORD, PERSON),
        nested=fields(RECORD, PERSON),
        required=("incident_id",),
        query=fields(NEAR_MISS_QUERY),
        bin_query=fields(NEAR_MISS_QUERY),
    ),
    Kind(
        "property_damage",
        "property_damages",
        "property_damage",
        create=fields("incident_id:int", DAMAGE),
        update=fields(DAMAGE),
        nested=fields(DAMAGE),
        required=("incident_id",),
        query=fields(DAMAGE_QUERY, f"sort={OTHER_SORTS},responsible_company"),
        bin_query=fields(DAMAGE_QUERY, f"sort={OTHER_SORTS}"),
    ),
    Kind(
        "environmental",
        "environmentals",
        "environmental",
        create=fields("incident_id:int", ENVIRONMENTAL),
        update=fields(ENVIRONMENTAL),
        nested=fields(ENVIRONMENTAL),
        required=("incident_id",),
        query=fields(ENVIRONMENTAL_QUERY, f"sort={OTHER_SORTS},environmental_type"),
        bin_query=fields(ENVIRONMENTAL_QUERY, f"sort={OTHER_SORTS}"),
    ),
    Kind(
        "witness_statement",
        "witness_statements",
        "witness_statement",
        create=fields("incident_id:int", STATEMENT, LINKS, "upload_uuids:texts[] recording:object"),
        update=fields(STATEMENT, LINKS, "upload_uuids:texts[] recording:object"),
        nested=fields(STATEMENT),
        required=("incident_id", "witness_id"),
        query=fields(STATEMENT_QUERY),
        bin_query=fields(STATEMENT_QUERY),
        bin_version="v1.1",
        counted=False,
    ),
    Kind(
        "action",
        "actions",
        "incident_action",
        create=fields(ACTION),
        update=fields(ACTION),
        nested=fields(),
        required=("incident_id", "action_type_id"),
        query=fields(ACTION_QUERY),
        bin_query=fields(ACTION_QUERY),
        bin_version="v1.1",
        counted=False,
        validates=True,
    ),
)
KIND: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
CHILD_KINDS = tuple(kind for kind in KINDS if kind.name != "incident")

NESTED: Mapping[str, str] = {
    "environmentals": "environmental",
    "injuries": "injury",
    "near_misses": "near_miss",
    "property_damages": "property_damage",
    "witness_statements_attributes": "witness_statement",
}
"""Members of an incident's body that create records with it, on PATCH too (P65, P66). Actions cannot be nested."""

REFERENCES: Mapping[str, str] = {
    "type_id": "types",
    "custom_status_id": "custom_statuses",
    "contributing_behavior_id": "contributing_behaviors",
    "contributing_condition_id": "contributing_conditions",
    "hazard_id": "hazards",
    "location_id": "locations",
    "affected_company_id": "vendors",
    "responsible_company_id": "vendors",
    "managed_equipment_id": "managed_equipment",
    "work_activity_id": "work_activities",
    "harm_source_id": "harm_sources",
    "affliction_type_id": "affliction_types",
    "environmental_type_id": "environmental_types",
    "action_type_id": "action_types",
    "affected_person_id": "users",
    "affected_party_id": "people",
    "witness_id": "people",
}
"""Which list the id in a member comes from (P93, P94); the read shape calls it the same without `_id`."""

WORKFLOW_FIELDS = ("status", "custom_status_id", "assignee_ids", "distribution_member_ids")
"""Not to be changed while the incident has a workflow instance (P69)."""

_PICKER = f"{PAGES} f.id:ints[] f.updated_at:range"
_NAMED = f"{_PICKER} f.active:bool sort=name"
COMPANY_PICKERS: Mapping[str, Fields] = {  # Those without any query name come whole, on no page.
    "incidents/affliction_types": fields(_NAMED, "f.query:text"),
    "incidents/body_parts": fields(_PICKER, "f.selectable:bool sort=name"),
    "incidents/affected_body_parts": fields(),
    "incidents/harm_sources": fields(_NAMED, "all:bool"),
    "incidents/work_activities": fields(_NAMED),
    "hazards": fields(_PICKER, "f.active:bool all:bool"),
    "contributing_behaviors": fields(_PICKER, "f.active:bool all:bool"),
    "contributing_conditions": fields(_PICKER, "f.active:bool all:bool"),
    "incidents/filing_types": fields(),
    "incidents/injury_filing_types": fields(_PICKER, "sort=name,severity_level"),
    "incidents/statuses": fields(),
    "incidents/severity_levels": fields(_PICKER, "f.email_trigger:text f.push_notification_trigger:text sort=name"),
    "incidents/units_of_measure": fields(),
    "incidents/action_types": fields(_NAMED),
    "incidents/environmental_types": fields(_NAMED),
}
"""Path below companies/{company_id} -> its query names."""

_RECORD_OPTIONS = {
    "affected_companies": "affected_company_id",
    "affected_parties": "affected_party_id",
    "affected_persons": "affected_person_id",
    "harm_sources": "harm_source_id",
    "managed_equipment": "managed_equipment_id",
    "work_activities": "work_activity_id",
}
FILTER_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "incident": {
        "statuses": "status",
        "assignees": "assignee_ids",
        "locations": "location_id",
        "hazards": "hazard_id",
        "contributing_behaviors": "contributing_behavior_id",
        "contributing_conditions": "contributing_condition_id",
    },
    "near_miss": _RECORD_OPTIONS,
    "injury": _RECORD_OPTIONS
    | {
        "affliction_types": "affliction_type_id",
        "affected_body_parts": "body_part_ids",
        "filing_types": "filing_type",
    },
}
"""Kind -> name of a project's filter option -> the member whose values in use it lists (P129)."""

_PEOPLE = f"""{PAGES} f.is_employee:bool f.reference_users_only:bool f.without_reference_users:bool f.search:text
    f.connected:bool f.vendor_id:ints[] f.job_title:text f.state_code:text f.trade_id:ints[]"""
ME = fields("company_id:int project_id:int")
COMPANIES = fields(PAGES, "include_free_companies:bool")
PROJECTS = fields(
    PAGES,
    """company_id:int f.by_status:word(project_status) f.name:text f.project_number:text f.created_at:range
    f.updated_at:range f.origin_id:text f.id:ints[] f.synced:bool f.vendor_id:int f.is_demo:bool
    f.custom_fields:object f.template:bool f.by_owner_type:text f.by_department:text f.by_region:text f.by_office:text
    f.by_program:text f.by_stage:text f.by_type:text f.by_bid_type:text view:word(project_view)
    sort=name,display_name""",
)
PROJECT = fields("company_id:int view:word(minimal)")
USERS = fields(
    PAGES,
    """view:word(user_view) f.created_at:range f.updated_at:range f.permission_template:int f.vendor_id:ints[]
    f.origin_id:text f.trade_id:ints[] f.search:text f.employee:bool f.id:int
    sort=name,vendor_name,permission_template""",
)
PROJECT_PEOPLE = fields(
    _PEOPLE,
    """view:word(people_view) f.include_company_people:bool f.country_code:text f.permission_template_id:ints[]
    sort=name,vendor_name,job_title,permission_template""",
)
COMPANY_PEOPLE = fields(_PEOPLE, "view:word(company_people_view)")
VENDORS = fields(
    PAGES,
    """view:word(vendor_view) f.search:text f.standard_cost_code_id:ints[] f.trade_id:ints[] f.id:ints[]
    f.parent_id:ints[] sort=name,main_office_name""",
)
LOCATIONS = fields(
    PAGES,
    """f.id:ints[] f.parent_id:int f.code:texts[] f.search:text f.search_with_code:text f.superlocations_for:int
    f.sublocations_for:int f.updated_at:range f.depth_range:text sort=created_at,name,node_name,parent_id,updated_at""",
)
MANAGED_EQUIPMENT = fields(
    PAGES,
    """f.updated_at:range f.managed_equipment_id:int f.managed_equipment_category_id:int
    f.managed_equipment_type_id:int f.managed_equipment_make_id:int f.managed_equipment_model_id:int
    f.company_visible:bool f.current_project_id:int f.year:int f.status:texts[] f.last_service_date:range
    f.next_service_date:range f.onsite:texts[] f.offsite:texts[] f.ownership:word(ownership) f.vendor_id:int
    f.induction_status:bool""",
)
NO_QUERY = fields()
VALIDATIONS = fields("run_configurable_validations:bool")
OF_INCIDENT = fields("incident_id:int")
