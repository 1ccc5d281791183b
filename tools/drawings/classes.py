"""The classes of the labelled tasks that are written by hand: which of Unicode's groups are left out, renamed and added to."""


def _face(name: str) -> str:
    return name.removesuffix(" face")


def _every(names: str) -> dict[str, list[str]]:
    """Further classes, each with its own name alone."""
    return {name: [] for name in names.split(", ")}


ANIMALS = {
    "without": (
        "paw prints, feather, wing, spiral shell, spider web, coral, microbe, bug, front facing baby chick, "
        "hatching chick, guide dog"
    ),
    "rename": _face,
    "more": _every(
        "crow, vulture, hummingbird, squid, ray, walrus, donkey, rhinoceros, armadillo, beetle, dragonfly, earth worm, tick"
    ),
}
FRUIT = {"without": "peanuts, chestnut", "more": _every("onion, radish, cabbage, turnip, pumpkin, raspberry, plum, fig")}
DISHES = {"without": "ice, salt, baby bottle, tumbler glass, clinking glasses, clinking beer mugs, cup with straw"}
PLANTS = {
    "without": ("white flower, rosette, bouquet, nest with eggs, empty nest, potted plant"),
    "more": _every("fern, oak, daisy, lily"),
}
VEHICLES = {
    "without": (
        "fuel pump, construction, stop sign, anchor, wheel, ring buoy, airplane arrival, airplane departure, seat,"
        " police car light, bus stop, motorway, railway track, horizontal traffic light, vertical traffic light, "
        "oil drum, parachute, small airplane"
    ),
    "more": _every("zeppelin, submarine, tank, bulldozer, forklift, caravan"),
}
INSTRUMENTS = {
    "more": _every(
        "harp, tuba, banjo, bagpipes, lyre, ocarina, gong, sitar, clarinet, trombone, xylophone, grand piano, "
        "piano, french horn, kora, hand bell, pan flute, tambourine, drum kit, musical triangle, didgeridoo, "
        "djembe, guitar electric, guitar bass head"
    )
}
CLOTHES = {
    "without": (
        "lipstick, ring, gem stone, prayer beads, hair pick, folding hand fan, womans clothes, shopping bags, "
        "clutch bag, purse, crutch"
    ),
    "more": _every("skirt, belt, apron, corset, cape, trousers, shirt, hoodie, robe, sombrero, bowler hat"),
}
SPORTS = {"without": "flag in hole, goal net, running shirt"}
TOOLS = {
    "without": (
        "bomb, gear, link, chains, balance scale, white cane, dagger, crossed swords, shield, bow and arrow, water"
        " pistol, boomerang, broken chain"
    ),
    "more": _every("saw, drill, pliers, shovel, rake, anvil, chisel, tongs, trowel, paint roller, nails, crowbar, screw"),
}
HOUSEHOLD = {
    "without": (
        "shopping cart, basket, calendar, spiral calendar, tear off calendar, chart increasing, chart decreasing, bar chart"
    )
}
BUILDINGS = {"without": "brick, building construction, rock, wood, houses, kaaba"}
BODY = {"without": "ear with hearing aid, flexed biceps, mechanical arm, mechanical leg, eyes"}

WEATHER = {
    "sunny": ["sun", "sun with face"],
    "cloudy": ["cloud", "sun behind cloud", "sun behind large cloud", "sun behind small cloud"],
    "rainy": ["cloud with rain", "umbrella with rain drops", "sun behind rain cloud", "cloud rain", "raining"],
    "snowy": ["snowflake", "cloud with snow", "snowman without snow", "snowman", "cloud snow", "snowing"],
    "stormy": [
        "cloud with lightning",
        "cloud with lightning and rain",
        "high voltage",
        "cloud storm",
        "lightning storm",
        "lightning trio",
    ],
    "windy": ["wind face", "tornado", "wind", "windsock", "wind hole", "tornado discs"],
    "foggy": ["fog", "foggy", "mist", "cloud fog"],
    "a rainbow": ["rainbow"],
}
FEELINGS = {
    "happy": [
        "grinning face",
        "smiling face",
        "slightly smiling face",
        "beaming face with smiling eyes",
        "grinning face with smiling eyes",
        "grinning face with big eyes",
        "smiling face with smiling eyes",
        "mood happy",
        "mood smile",
    ],
    "laughing": ["face with tears of joy", "rolling on the floor laughing", "grinning squinting face"],
    "in love": [
        "smiling face with heart eyes",
        "smiling face with hearts",
        "face blowing a kiss",
        "kissing face with closed eyes",
    ],
    "sad": ["frowning face", "slightly frowning face", "pensive face", "disappointed face", "mood sad", "sad but relieved face"],
    "crying": ["crying face", "loudly crying face", "mood cry", "face holding back tears"],
    "angry": [
        "angry face",
        "enraged face",
        "face with symbols on mouth",
        "face with steam from nose",
        "mood angry",
        "person pouting",
    ],
    "afraid": ["fearful face", "face screaming in fear", "anxious face with sweat", "anguished face"],
    "surprised": ["astonished face", "hushed face", "face with open mouth", "flushed face", "mood surprised"],
    "sleepy": ["sleeping face", "sleepy face", "yawning face", "tired face"],
    "sick": ["nauseated face", "face with thermometer", "face with medical mask", "sneezing face", "mood sick", "face vomiting"],
}
GESTURES = {
    "thumbs up": ["thumbs up", "thumb up"],
    "thumbs down": ["thumbs down", "thumb down"],
    "victory hand": ["victory hand", "hand two fingers"],
    "ok hand": ["ok hand", "gesturing ok"],
    "crossed fingers": ["crossed fingers"],
    "clapping hands": ["clapping hands"],
    "folded hands": ["folded hands", "prayer"],
    "raised fist": ["raised fist", "fist"],
    "handshake": ["handshake", "shaking hands"],
    "waving hand": ["waving hand"],
    "raised hand": ["raised hand", "raised back of hand", "hand stop"],
    "pointing up": ["index pointing up", "backhand index pointing up"],
    "pointing down": ["backhand index pointing down"],
    "pointing left": ["backhand index pointing left"],
    "pointing right": ["backhand index pointing right"],
    "call me hand": ["call me hand"],
    "sign of the horns": ["sign of the horns"],
    "writing hand": ["writing hand"],
    "vulcan salute": ["vulcan salute"],
    "pinching hand": ["pinching hand"],
}
HOURS = "one two three four five six seven eight nine ten eleven twelve".split()
CLOCKS = {f"{hour} oclock": [f"{hour} oclock"] for hour in HOURS} | {f"{hour} thirty": [f"{hour} thirty"] for hour in HOURS}
MOONS = {
    "new moon": ["new moon", "new moon face"],
    "waxing crescent moon": ["waxing crescent moon"],
    "first quarter moon": ["first quarter moon", "first quarter moon face"],
    "waxing gibbous moon": ["waxing gibbous moon"],
    "full moon": ["full moon", "full moon face"],
    "waning gibbous moon": ["waning gibbous moon"],
    "last quarter moon": ["last quarter moon", "last quarter moon face"],
    "waning crescent moon": ["waning crescent moon", "crescent moon"],
}
SIGNS = "aries taurus gemini cancer leo virgo libra scorpio sagittarius capricorn aquarius pisces".split()
ZODIAC = {sign: [sign, f"zodiac {sign}"] for sign in SIGNS}
DIGITS = "zero one two three four five six seven eight nine".split()
DIRECTIONS = {side: side for side in ("up", "down", "left", "right")} | {
    said: f"{one} {other}"
    for one in ("up", "down")
    for other in ("left", "right")
    for said in (f"{one} {other}", f"{other} {one}")
}
VERBS = (
    "running, walking, biking, mountain biking, swimming, surfing, rowing boat, juggling, golfing, playing "
    "handball, playing water polo, lifting weights, bouncing ball, climbing, cartwheeling, kneeling, standing,"
    " bowing, facepalming, shrugging, dancing, getting massage, getting haircut, raising hand, gesturing ok, "
    "gesturing no, frowning, feeding baby, skateboarding"
)
ACTIONS = {verb: [f"{who} {verb}" for who in ("person", "man", "woman")] for verb in VERBS.split(", ")} | {
    "rowing a boat": [f"{who} rowing boat" for who in ("person", "man", "woman")],
    "wrestling": ["people wrestling", "men wrestling", "women wrestling"],
    "fencing": ["person fencing"],
    "skiing": ["skier"],
}
del ACTIONS["rowing boat"]
KINDS = {
    "animal": ["animals"],
    "food": ["fruit", "dishes"],
    "plant": ["plants"],
    "vehicle": ["vehicles"],
    "building": ["buildings"],
    "clothing": ["clothes"],
    "face": ["faces"],
    "tool": ["tools"],
    "musical instrument": ["instruments"],
    "sport": ["sports"],
}
