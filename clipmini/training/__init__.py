"""Training (paper section 2.5).

    loop         train: one step after another
    loader       which pairs a step sees, and what is drawn for them
    memory       the gradient of a batch, whole or in chunks
    optimizer    AdamW and its groups
    schedule     the learning rate
    precision    the device, and what it computes in
    state        all that the next step depends on, in a file
    runs         a run on disk
    history      its log and curves; runs side by side
    stopping     what ends early is saved
    errors       a step that cannot be taken
"""
