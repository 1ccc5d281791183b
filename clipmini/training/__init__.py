"""Training (paper section 2.5).

    loop         train: one step after another
    schedule     the learning rate
    optimizer    AdamW and its groups
    precision    the device, and what it computes in
    memory       less memory for more time
    state        all that the next step depends on, in a file
    runs         a run on disk
    errors       a step that cannot be taken
"""
