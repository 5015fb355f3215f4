"""The forms in which a company's lists may ship their words: which one Procore uses, no document says (P97)."""

from collections.abc import Mapping
from typing import Literal

Form = Literal["tokens", "names", "Italian", "Italian without keys"]
"""tokens: an English name, and a key in the manner of `finger_index_right`; names: the key is the English name, as in
the reference's samples; Italian: a translated name, its key the English one; Italian without keys: a translated name
alone, as in the edition of 2026-05."""

OTHER_FORMS: tuple[Form, ...] = ("names", "Italian", "Italian without keys")
WITHOUT_KEY = frozenset({"work_activities", "environmental_types"})
"""Their only text is the localised name (P97)."""

# Plain translations, invented like the English words.
ITALIAN: Mapping[str, str] = {
    "Abrasion": "Abrasione",
    "Amputation": "Amputazione",
    "Asphyxia": "Asfissia",
    "Bruise or Contusion": "Contusione",
    "Burn": "Ustione",
    "Chemical Burn": "Ustione chimica",
    "Concussion": "Commozione cerebrale",
    "Crushing": "Schiacciamento",
    "Cut or Laceration": "Taglio o lacerazione",
    "Dislocation": "Lussazione",
    "Electric Shock": "Scossa elettrica",
    "Fracture": "Frattura",
    "Frostbite": "Congelamento",
    "Hearing Loss": "Perdita dell'udito",
    "Heat Stress": "Stress da calore",
    "Hernia": "Ernia",
    "Infection": "Infezione",
    "Inflammation": "Infiammazione",
    "Multiple Injuries": "Lesioni multiple",
    "Poisoning": "Avvelenamento",
    "Puncture": "Ferita da punta",
    "Respiratory Condition": "Disturbo respiratorio",
    "Sprain or Strain": "Distorsione o stiramento",
    "Other": "Altro",
    "Chemicals": "Sostanze chimiche",
    "Floors and Ground Surfaces": "Pavimenti e superfici",
    "Hand Tools": "Utensili manuali",
    "Machinery": "Macchinari",
    "Vehicles": "Veicoli",
    "Asbestos Sheet": "Lastra di amianto",
    "Concrete": "Calcestruzzo",
    "Demolition": "Demolizione",
    "Electrical": "Elettrico",
    "Excavation": "Scavo",
    "Framing": "Carpenteria",
    "Roofing": "Copertura",
    "Chemical": "Chimico",
    "Fall from Height": "Caduta dall'alto",
    "Slip or Trip": "Scivolamento o inciampo",
    "Struck By": "Colpito da",
    "Legacy Hazard": "Vecchio pericolo",
    "Improper Lifting": "Sollevamento scorretto",
    "Missing PPE": "DPI mancanti",
    "Rushing": "Fretta",
    "Poor Lighting": "Illuminazione scarsa",
    "Unguarded Edge": "Bordo non protetto",
    "Wet Surface": "Superficie bagnata",
    "Corrective Action": "Azione correttiva",
    "Preventive Action": "Azione preventiva",
    "Toolbox Talk": "Riunione di sicurezza",
    "Air Emission": "Emissione in aria",
    "Noise": "Rumore",
    "Spill": "Sversamento",
    "Waste": "Rifiuti",
}

_PARTS = """
abdomen=Addome ankle=Caviglia arm=Braccio back=Schiena body_systems=Apparati breast=Seno buttock=Natica chest=Torace
circulatory_system=Apparato_circolatorio cranium=Cranio digestive_system=Apparato_digerente ear=Orecchio elbow=Gomito
entire_body_systemic=Corpo_intero eye=Occhio face=Volto finger=Dito finger_index=Dito_indice finger_middle=Dito_medio
finger_pinky=Dito_mignolo finger_ring=Dito_anulare foot=Piede foot_top=Dorso_del_piede forearm=Avambraccio
groin=Inguine hand=Mano hand_back=Dorso_della_mano head=Testa head_back=Nuca heart=Cuore heel=Tallone hip=Anca
internal_organs=Organi_interni knee=Ginocchio leg=Gamba lower_back=Zona_lombare lower_leg=Parte_inferiore_della_gamba
lungs=Polmoni mouth=Bocca neck=Collo neck_back=Parte_posteriore_del_collo nervous_system=Sistema_nervoso nose=Naso
palm=Palmo pec=Pettorale pelvis=Bacino pelvis_front=Parte_anteriore_del_bacino psychological=Psicologico
reproductive_system=Apparato_riproduttivo respiratory_system=Apparato_respiratorio ribs=Costole shoulder=Spalla
skin=Pelle tailbone=Coccige teeth=Denti throat=Gola thumb=Pollice toe=Dito_del_piede toe_fifth=Mignolo_del_piede
toe_first=Alluce toe_fourth=Quarto_dito_del_piede toe_second=Secondo_dito_del_piede toe_third=Terzo_dito_del_piede
torso=Tronco upper_arm=Parte_superiore_del_braccio upper_back=Parte_alta_della_schiena upper_leg=Coscia
urinary_system=Apparato_urinario vertebrae=Vertebre wrist=Polso
"""
ITALIAN_PARTS = {key: name.replace("_", " ") for key, name in (pair.split("=") for pair in _PARTS.split())}
"""Body parts without their side, by key."""
SIDES = {"left": "sinistra", "right": "destra"}


def shipped(listing: str, name: str, form: Form) -> tuple[str, str | None]:
    """The name and the name key of an entry that is called `name` here, None for a list or an edition without keys."""
    if form.startswith("Italian"):
        shown, key = ITALIAN.get(name, name), name if form == "Italian" else None
    elif form == "names":
        shown = key = name.replace(" or ", "/")
    else:
        shown, key = name, name.lower().replace(" ", "_")
    return shown, None if listing in WITHOUT_KEY else key


def part_entry(key: str, form: Form) -> str:
    """The name of a body part in its own list: its key, or that key as a name (P88)."""
    return key.replace("_", " ").title() if form == "names" else key


def part_label(key: str, form: Form) -> str:
    """The text of a body part that people read."""
    base, _, last = key.rpartition("_")
    plain, side = (base, last) if last in SIDES else (key, "")
    if form.startswith("Italian"):
        return f"{ITALIAN_PARTS[plain]} ({SIDES[side]})" if side else ITALIAN_PARTS[plain]
    name = plain.replace("_", " ").capitalize()
    return f"{name} ({side.capitalize()})" if side else name
