"""What a model and a run are: frozen dataclasses, and the named presets."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

LARGEST = 2**24  # of any size: sixty times the vocabulary of the largest models
DEEPEST = 1000  # layers
HEAD_WIDTH = 64  # every released model; heads are not stored in its file


def choose(kind: str, name: str, table):
    """table[name], or a ValueError that lists the choices."""
    if name not in table:
        choices = ", ".join(map(str, table))
        raise ValueError(f"unknown {kind} {name!r}; choose from: {choices}")
    return table[name]


def _check_sizes(config) -> None:
    """Raise ValueError unless every size of a configuration is a whole number above 0."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name == "heads" and value is None:
            continue
        stages = value if isinstance(value, tuple) and value else (value,)
        if not all(map(_is_size, stages)):
            raise ValueError(f"{type(config).__name__}.{field.name} must be positive and whole, got {value!r}")
        if max(stages) > (limit := DEEPEST if field.name == "layers" else LARGEST):
            raise ValueError(f"{type(config).__name__}.{field.name} must be at most {limit:,}, got {value!r}")


def _is_size(value) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and value > 0


def _set_heads(config, width: int) -> None:
    heads = config.heads or max(1, width // HEAD_WIDTH)
    object.__setattr__(config, "heads", heads)
    if width % heads:
        raise ValueError(f"a width of {width} cannot be split into {heads} heads")


@dataclass(frozen=True, kw_only=True)
class ViTConfig:
    """A Vision Transformer (paper section 2.4). resolution, patch: px; heads: width / 64 unless given."""

    resolution: int
    patch: int
    width: int
    layers: int
    heads: int | None = None

    def __post_init__(self):
        _check_sizes(self)
        _set_heads(self, self.width)
        if self.resolution % self.patch:
            raise ValueError(f"resolution {self.resolution} is not a multiple of patch {self.patch}")


@dataclass(frozen=True, kw_only=True)
class ResNetConfig:
    """A modified ResNet (paper section 2.4). layers: bottlenecks a stage; width: channels after the stem."""

    resolution: int
    layers: Sequence[int]
    width: int
    heads: int | None = None

    def __post_init__(self):
        if isinstance(self.layers, Sequence) and not isinstance(self.layers, str):
            object.__setattr__(self, "layers", tuple(self.layers))
        _check_sizes(self)
        _set_heads(self, self.out_width)
        if self.resolution % self.stride:
            raise ValueError(f"resolution {self.resolution} is not a multiple of the total stride {self.stride}")

    @property
    def stride(self) -> int:
        """Pixels of the image to one position of the last feature map: 4 in the stem, 2 a later stage."""
        return 4 * 2 ** (len(self.layers) - 1)

    @property
    def out_width(self) -> int:
        """Channels of the last feature map: bottlenecks widen four times, stages double."""
        return self.width * 4 * 2 ** (len(self.layers) - 1)


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """A causal text Transformer (paper section 2.4). context_length: tokens, SOT and EOT included."""

    context_length: int
    vocab_size: int
    width: int
    layers: int
    heads: int | None = None

    def __post_init__(self):
        _check_sizes(self)
        _set_heads(self, self.width)


@dataclass(frozen=True, kw_only=True)
class CLIPConfig:
    """Two towers that meet in an embedding of embed_dim dimensions."""

    embed_dim: int
    vision: ViTConfig | ResNetConfig
    text: TextConfig

    def __post_init__(self):
        if not _is_size(self.embed_dim) or self.embed_dim > LARGEST:
            raise ValueError(f"CLIPConfig.embed_dim must be positive, whole and at most {LARGEST:,}, got {self.embed_dim!r}")

    def to_dict(self) -> dict:
        """A JSON-ready dictionary; `from_dict` reads it back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, d: dict) -> "CLIPConfig":
        """The configuration that `to_dict` wrote. Raises ValueError on missing, unknown or impossible fields."""
        try:
            vision = ViTConfig if "patch" in d["vision"] else ResNetConfig
            return cls(embed_dim=d["embed_dim"], vision=vision(**d["vision"]), text=TextConfig(**d["text"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a CLIP configuration: {error}") from error


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training run (paper section 2.5 and Table 18, scaled down).

    Args:
        steps: batches that are seen.
        batch_size: pairs a step.
        lr: peak learning rate.
        warmup: steps until it is reached.
        weight_decay: decoupled, not on gains and biases.
        beta1, beta2, eps: Adam's.
        max_scale: clamp of the logit scale, not of its logarithm.
        augment: a name of `datasets.augmentation.AUGMENTATIONS`.
        seed: of the order of the pairs and of augmentation, at most 64 bits.
        device: auto, cuda, mps or cpu.
        precision: auto, fp32, bf16 or fp16.
        checkpoint_every: steps from one checkpoint to the next.
        checkpoint_minutes: by the clock as well; 0 for not.
        chunk_size: pairs that the encoders see at a time, a divisor of batch_size; 0 for all.
        recompute: blocks keep only their inputs for the backward pass.
        compile: the towers, by torch.compile.
        batch_norm: "batch", by the statistics of what is encoded at once, or "frozen", by the running ones.
    Raises: ValueError for settings that make no sense.
    """

    steps: int = 1000
    batch_size: int = 256
    lr: float = 2e-3
    warmup: int = 50
    weight_decay: float = 0.2
    beta1: float = 0.9
    beta2: float = 0.98
    eps: float = 1e-6
    max_scale: float = 100.0
    augment: str = "crop"
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    checkpoint_every: int = 500
    checkpoint_minutes: float = 0.0
    chunk_size: int = 0
    recompute: bool = False
    compile: bool = False
    batch_norm: str = "batch"

    def __post_init__(self):
        for name in ("steps", "batch_size", "warmup", "seed", "checkpoint_every", "chunk_size"):
            if not isinstance(getattr(self, name), Integral):
                raise ValueError(f"{name} must be a whole number, got {getattr(self, name)!r}")
        for name in ("lr", "weight_decay", "beta1", "beta2", "eps", "max_scale", "checkpoint_minutes"):
            if not isinstance(getattr(self, name), Real):
                raise ValueError(f"{name} must be a number, got {getattr(self, name)!r}")
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if self.checkpoint_every < 1:
            raise ValueError(f"checkpoint_every must be at least 1, got {self.checkpoint_every}")
        if self.batch_size < 2:
            raise ValueError(
                f"batch_size must be at least 2, got {self.batch_size}: a contrastive loss over one pair is always 0"
            )
        if not 0 <= self.warmup:
            raise ValueError(f"warmup must not be negative, got {self.warmup}")
        if not (0 < self.lr < float("inf") and self.max_scale >= 1):  # so that NaN is refused too
            raise ValueError(f"lr must be positive and finite, max_scale at least 1, got {self.lr} and {self.max_scale}")
        if not (self.eps > 0 and self.weight_decay >= 0 and 0 <= self.beta1 < 1 and 0 <= self.beta2 < 1):
            raise ValueError(
                "eps must be positive, weight_decay not negative, beta1 and beta2 at least 0 and below 1, got "
                f"{self.eps}, {self.weight_decay}, {self.beta1} and {self.beta2}"
            )
        check_seed(self.seed)
        if not (self.checkpoint_minutes >= 0 and self.chunk_size >= 0):
            raise ValueError(
                f"checkpoint_minutes and chunk_size must not be negative, got {self.checkpoint_minutes} and {self.chunk_size}"
            )
        if self.chunk_size and self.batch_size % self.chunk_size:
            fitting = ", ".join(map(str, divisors(self.batch_size)))
            raise ValueError(
                f"a batch of {self.batch_size} cannot be cut into equal chunks of {self.chunk_size}; choose from: {fitting}"
            )
        choose("precision", self.precision, dict.fromkeys(("auto", "fp32", "bf16", "fp16")))
        if self.compile and self.recompute:
            raise ValueError("compile and recompute do not go together: a compiled tower saves memory by chunk_size")
        choose("batch_norm", self.batch_norm, dict.fromkeys(("batch", "frozen")))


def check_seed(seed: int) -> None:
    """Raise ValueError unless PyTorch can be seeded with it."""
    if not isinstance(seed, Integral) or not -(2**63) <= seed < 2**64:
        raise ValueError(f"seed must be a whole number of at most 64 bits, got {seed!r}")


def divisors(n: int) -> list[int]:
    """All whole numbers that divide n, from 1 to n."""
    return [size for size in range(1, n + 1) if n % size == 0]


def _released(embed_dim, vision, text_width) -> CLIPConfig:
    text = TextConfig(context_length=77, vocab_size=49408, width=text_width, layers=12)
    return CLIPConfig(embed_dim=embed_dim, vision=vision, text=text)


def _vit(patch, width, layers, resolution=224):
    return ViTConfig(resolution=resolution, patch=patch, width=width, layers=layers)


def _resnet(layers, width, resolution=224):
    return ResNetConfig(resolution=resolution, layers=layers, width=width)


def _mini(embed_dim, vision, width, layers=2) -> CLIPConfig:
    text = TextConfig(context_length=48, vocab_size=2048, width=width, layers=layers)
    return CLIPConfig(embed_dim=embed_dim, vision=vision, text=text)


PRESETS: dict[str, CLIPConfig] = {
    # Ours, for two CPU cores: attention pooling wants at least 4 x 4 positions, so two stages at 32 px.
    "mini-resnet": _mini(128, _resnet((1, 1), 16, 32), 64),
    "mini-vit": _mini(128, _vit(8, 64, 6, 32), 64),  # one head, six layers; with its twin 2 MB in half precision
    # Ours, a ladder from 0.2 to 4 million parameters: a pair costs 2.9 times as many multiply-adds a step further up.
    "ladder-16": _mini(64, _vit(4, 64, 2, 16), 32, 2),
    "ladder-20": _mini(96, _vit(4, 64, 3, 20), 64, 2),
    "ladder-24": _mini(128, _vit(4, 96, 4, 24), 64, 4),
    "ladder-28": _mini(160, _vit(4, 128, 5, 28), 96, 5),
    "ladder-32": _mini(192, _vit(4, 192, 6, 32), 128, 5),
    # Ours, for one small GPU.
    "small-resnet": _mini(256, _resnet((2, 2, 2), 48, 64), 256, 4),
    "small-vit": _mini(256, _vit(8, 256, 6, 64), 256, 4),
    # The nine released models (paper Tables 19 and 20).
    "RN50": _released(1024, _resnet((3, 4, 6, 3), 64), 512),
    "RN101": _released(512, _resnet((3, 4, 23, 3), 64), 512),
    "RN50x4": _released(640, _resnet((4, 6, 10, 6), 80, 288), 640),
    "RN50x16": _released(768, _resnet((6, 8, 18, 8), 96, 384), 768),
    "RN50x64": _released(1024, _resnet((3, 15, 36, 10), 128, 448), 1024),
    "ViT-B/32": _released(512, _vit(32, 768, 12), 512),
    "ViT-B/16": _released(512, _vit(16, 768, 12), 512),
    "ViT-L/14": _released(768, _vit(14, 1024, 24), 768),
    "ViT-L/14@336px": _released(768, _vit(14, 1024, 24, 336), 768),
}

RECIPES: dict[str, TrainConfig] = {
    "quickstart": TrainConfig(steps=900, batch_size=256, lr=5e-3, augment="handwriting"),
    "glyphs-resnet": TrainConfig(steps=2400, batch_size=256, lr=5e-3, augment="handwriting"),
    "glyphs-vit": TrainConfig(steps=1500, batch_size=256, lr=2e-3, warmup=200, augment="handwriting"),
}
