"""The towers and CLIP (paper section 2.4).

    layers      what both Transformers are made of
    vit         the Vision Transformer
    resnet      the modified ResNet
    text        the text Transformer
    clip        CLIP: two towers and a temperature
    variants    ablations: the parts as their first papers have them
    inspect     activations and attention maps
    recompute   blocks that keep their inputs only
    eager       whether numbers may be looked at
"""
