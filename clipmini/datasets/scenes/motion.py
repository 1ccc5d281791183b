"""Short films: where every object is in each frame of an action. The scene itself is the last frame."""

import math

from clipmini.datasets.scenes.rng import Rng
from clipmini.datasets.scenes.scene import SIDE, UNIT, Object, Scene

EDGE = 4
DIRECTIONS = {"moving left": (-1, 0), "moving right": (1, 0), "moving up": (0, -1), "moving down": (0, 1)}
TURN = 14  # degrees a frame
ORBIT = 24
TWO_SIDED = ("orbiting", "hitting")
SIZES = {"growing": "large", "shrinking": "small", "turning": "large", "orbiting": "small", "hitting": "small"}


def frame(scene: Scene, t: int) -> tuple[Object, ...]:
    """The objects in frame t of the scene's action, 0 to frames - 1; a blinking object is away in every other one."""
    action, (o, *others) = scene.action, scene.objects
    back = action.frames - 1 - t  # frames until the scene as it is now
    way = action.pace * back
    match action.name:
        case "growing":
            o = o._replace(r=max(o.r - way * 3 // 4, o.r // 3))
        case "shrinking":
            o = o._replace(r=min(o.r + way * 3 // 4, 3 * o.r))
        case "turning":
            o = o._replace(angle=o.angle - TURN * back)
        case "blinking":
            return () if back % 2 else scene.objects
        case "orbiting":
            o = _circled(o, others[0], -ORBIT * back)
        case "hitting":
            o, others = _hit(o, others[0], back, action.pace)
        case name:
            dx, dy = DIRECTIONS[name]
            o = o._replace(x=o.x - dx * way, y=o.y - dy * way)
    return (o, *others)


def frames(scene: Scene) -> list[Scene]:
    """A still for each frame, in order of time; all of them share light and noise."""
    return [scene._replace(objects=frame(scene, t), action=None) for t in range(scene.action.frames)]


def fits(scene: Scene) -> bool:
    """Whether every frame lies within the picture."""
    return all(
        min(o.x, o.y) - o.r >= EDGE and max(o.x, o.y) + o.r <= SIDE - EDGE
        for t in range(scene.action.frames)
        for o in frame(scene, t)
    )


def place_pair(rng: Rng, action: str, agent: Object, patient: Object) -> list[Object]:
    """The agent beside the patient, in any direction: touching it after a hit, at some distance in orbit."""
    reach = agent.r + patient.r + (2 * UNIT if action == "orbiting" else UNIT)
    x, y = rng.between(SIDE * 2 // 5, SIDE * 3 // 5), rng.between(SIDE * 2 // 5, SIDE * 3 // 5)
    turn = 2 * math.pi * rng.below(72) / 72
    dx, dy = round(reach * math.cos(turn)), round(reach * math.sin(turn))
    return [agent._replace(x=x + dx, y=y + dy), patient._replace(x=x, y=y)]


def _circled(o: Object, centre: Object, degrees: int) -> Object:
    """An object moved along its circle around another one."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    dx, dy = o.x - centre.x, o.y - centre.y
    return o._replace(x=centre.x + round(c * dx - s * dy), y=centre.y + round(s * dx + c * dy))


def _hit(agent: Object, patient: Object, back: int, pace: int) -> tuple[Object, list[Object]]:
    """Before the last two frames the agent is on its way and the patient at rest; then the patient is pushed on."""
    dx, dy = patient.x - agent.x, patient.y - agent.y
    length = math.hypot(dx, dy)
    pushed, way = (0, 0) if back == 0 else (pace, max(back - 1, 0) * pace)
    agent = agent._replace(x=agent.x - round(dx * way / length), y=agent.y - round(dy * way / length))
    patient = patient._replace(x=patient.x - round(dx * pushed / length), y=patient.y - round(dy * pushed / length))
    return agent, [patient]
