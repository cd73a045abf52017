"""What the chapters share: a small package for segmenting retinal vessels.

A reader's map, in the order of the work; each module is one idea:

config      settings of a run, places on disk; alone reads the environment
runtime     seed, device, numeric precision, report of the machine
fundus      the data sets: facts, splits, reading, checking, field of view
fetch       bytes from elsewhere: an address, a folder, an archive, without traps
download    data sets fetched, imported and packed, every file verified
phantom     drawn eyes and cells with known answers, for runs without data
preprocess  green channel, CLAHE, gamma, standardisation
augment     moving image, vessels and field of view together
patches     mirrored borders, tiles and their reassembly, endless batches
unet        the U-Net, padded or as in the paper; its sizes and shapes
losses      cross-entropy and soft Dice inside the FOV; the paper's weight map
training    the training loop, checkpoints, resuming, a run in the background
inference   from a photograph to a vessel map; scoring of a split; shipped weights
photo       photographs of one's own: files and folders to pictures and a table
metrics     counts, scores, ROC and PR curves, confidence intervals
figures     every drawing; arrays in, figures out
lesson      the set-up line, checks and exercises of the chapters

Commands: ``python3 -m helpers --help``. The text of a chapter is in notebooks/src.
Importing this package imports nothing: it must work before anything is installed.
"""
