"""What training minimises (paper section 2.3).

    contrastive    the paper's loss, whole or in tiles
"""
