"""A node: all its parts, one built on the other."""

from dataclasses import dataclass

from waypost.assembly.configuration import Configuration, build_configuration
from waypost.assembly.engine import Engine, build_engine
from waypost.assembly.faces import Faces
from waypost.assembly.ground import Ground, build_ground
from waypost.assembly.people import People, build_people
from waypost.clock import Clock
from waypost.db.database import Database
from waypost.settings import Settings
from waypost.vault import keyring


@dataclass(frozen=True, slots=True)
class Waypost:
    """Everything that runs on this node. `app.opened` opens one, and closes it."""

    ground: Ground
    people: People
    engine: Engine
    configuration: Configuration
    faces: Faces


def build_node(settings: Settings, clock: Clock, db: Database, keys: keyring.Keyring) -> Waypost:
    """A node on an open store, of which nothing runs yet."""
    ground = build_ground(settings, clock, db, keys)
    people = build_people(ground)
    engine = build_engine(ground)
    configuration = build_configuration(ground, engine)
    return Waypost(ground, people, engine, configuration, Faces(ground, people, engine, configuration))
