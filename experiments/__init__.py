"""What is trained for a page, one file an experiment: `python -m experiments.positions --seeds 1 2 3`.

    quickstart_seeds     the quickstart with several seeds                              chapter 1
    positions            a Vision Transformer with and without positions                chapter 6
    ablations            each departure from the first ViT and ResNet, undone           chapters 6 and 7
    drawings             the models of the drawings that ship, seed by seed             chapter 1 and the model cards
    recipe               each part of the training recipe, left out                     chapter 8
    checkpoints          the weights in data/, and their cards
    scenes_proof         the pixels of the scenes carry the answers                     the page about scenes
    scenes_readers       relations need both the picture and the sentence               the page about scenes
    scenes_adversarial   pictures that a supervised classifier gets wrong               the data set itself

What they share:

    training   load the pairs, learn the tokenizer, seed, build, train
    records    results in data/, kept one by one under a lock; what is there is not trained again
"""
