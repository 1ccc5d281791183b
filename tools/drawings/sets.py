"""The collections: who made each, and on which side of the splits its studio stands."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Collection:
    """name: of the npm package, or "openclipart". studio: whose it is; nothing of a studio is on two sides. split: of its
    drawings. emoji: its names are Unicode's characters. styles: endings of its names that say how a thing is drawn."""

    name: str
    studio: str
    split: str = "train"
    emoji: bool = False
    styles: tuple[str, ...] = ()


WEIGHTS = ("outline", "outlined", "line", "linear", "fill", "filled", "solid", "sharp", "rounded", "round", "bold", "light")
MORE = (*WEIGHTS, "duotone", "thin", "broken", "twotone", "two-tone", "regular", "24px", "alt", "variant")

COLLECTIONS = (
    Collection("noto", "Google", emoji=True),
    Collection("noto-v1", "Google", emoji=True),
    Collection("twemoji", "Twitter", emoji=True),
    Collection("emojione", "EmojiOne", emoji=True),
    Collection("emojione-monotone", "EmojiOne", emoji=True),
    Collection("mdi", "Pictogrammers", styles=MORE),
    Collection("ph", "Phosphor", styles=MORE),
    Collection("lucide", "Lucide"),
    Collection("ri", "Remix", styles=MORE),
    Collection("bi", "Bootstrap", styles=MORE),
    Collection("ion", "Ionic", styles=MORE),
    Collection("bx", "Boxicons", styles=MORE),
    Collection("bxs", "Boxicons", styles=MORE),
    Collection("la", "Icons8", styles=MORE),
    Collection("flat-color-icons", "Icons8"),
    Collection("fa6-solid", "Font Awesome"),
    Collection("material-symbols", "Google", styles=MORE),
    Collection("solar", "480 Design", styles=MORE),
    Collection("mingcute", "MingCute", styles=MORE),
    Collection("hugeicons", "Hugeicons"),
    Collection("carbon", "IBM", styles=MORE),
    Collection("uil", "Iconscout", styles=("alt",)),
    Collection("icon-park", "ByteDance"),
    Collection("healthicons", "Resolve to Save Lives", styles=MORE),
    Collection("maki", "Mapbox"),
    Collection("temaki", "OpenStreetMap", styles=MORE),
    Collection("pinhead", "OpenStreetMap"),
    Collection("meteocons", "Meteocons", styles=MORE),
    Collection("fxemoji", "Mozilla", "val", emoji=True),
    Collection("iconoir", "Iconoir", "val", styles=MORE),
    Collection("clarity", "VMware", "val", styles=MORE),
    Collection("fluent-emoji-flat", "Microsoft", "fluent", emoji=True),
    Collection("fluent-emoji-high-contrast", "Microsoft", "fluent", emoji=True),
    Collection("streamline-freehand-color", "Streamline", "freehand"),
    Collection("streamline-freehand", "Streamline", "freehand"),
    Collection("streamline-ultimate-color", "Streamline", "freehand"),
    Collection("streamline-emojis", "Streamline", "freehand", emoji=True),
    Collection("game-icons", "Game-icons.net", "silhouettes"),
    Collection("tabler", "Tabler", "lines", styles=MORE),
    Collection("circle-flags", "HatScripts", "flags"),
    Collection("openclipart", "Open Clip Art", "clipart"),
)
