"""What training minimises (paper section 2.3).

    objective      what an objective is: encode, a part of the batch at a time; loss, of the whole
    contrastive    the paper's loss
    tiled          the same without its matrix
    checks         what can have it
"""
