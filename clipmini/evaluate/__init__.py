"""What a trained model knows (paper section 3).

    features     embed: the one place where a model meets data
    metrics      accuracies, functions of arrays
    zero_shot    a classifier written in words
    pixels       what can be had without learning
    scores       a model's scores beside its baselines
"""
