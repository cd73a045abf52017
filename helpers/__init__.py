"""What the chapters share: a small package for segmenting retinal vessels.

A reader's map, in the order of the work; each module is one idea:

config       the recipe: settings of a training run, a preset for each mode
places       folders on disk; alone reads the variables of the environment
saving       files that appear whole, or not at all
environment  the .venv that the commands run in
lab          JupyterLab, opened at a chapter
runtime      seed, device, numeric precision, report of the machine
datasets     the data sets: facts, splits, layout on disk, checksums
pictures     image files: the formats that are read, in full depth
fundus       images and labels of a set; the field of view found and measured
labelled     a folder of one's own labelled photographs: pairs, persons, splits
inspection   labels looked at before the first step: faults, a report
fetch        bytes from elsewhere: an address, a folder, an archive
download     data sets fetched and imported, every file verified
pack         course, data and wheels in one file
wheels       the reader's packages for other systems and Pythons
classroom    the pack served on the local network, to a class
phantom      drawn eyes and cells with known answers, for runs without data
eyes         which eyes the chapters use: found, fetched once a day, or drawn
preprocess   green channel, CLAHE, gamma, standardisation
augment      moving image, vessels and field of view together
patches      mirrored borders, tiles and their reassembly, endless batches
unet         the U-Net, padded or as in the paper; its sizes and shapes
losses       cross-entropy and soft Dice inside the FOV; the paper's weight map
checkpoints  the newest checkpoint, the one before, a copy at a second place
distributed  one training in several processes, started by torchrun
training     the recipe wired, the loop, a run in the background
inference    from a photograph to a vessel map; shipped weights
export       the network as an ONNX file, and back
page         one offline page with the network in it, for a browser
metrics      counts, scores, ROC and PR curves, confidence intervals
evaluation   the scores of a split, beside a second observer and a ridge filter
doubts       what is unusual about a photograph, or about many
measures     numbers from a vessel map
seal         pictures that carry a note: what they were made of, and how
locks        one process at a time
table        segment.csv: a row a photograph, safe between processes
shards       photographs shared out among machines; their tables merged
plan         hours, money and storage of very many photographs
workers      work shared out among processes
photo        one photograph of one's own: pictures and a row of numbers
batch        many photographs: found, named, shared out, taken up again
sheet        the contact sheet: all of them on one page
figures      every drawing; arrays in, figures out
task         the final task: plan, measurements, one submission, a report
lesson       the set-up line, and what a chapter's cells call
questions    questions, exercises and claimed numbers, and how they are judged
rescue       a sentence below the traceback of an error
progress     the reader's own record: what was answered, and at which try
standing     that record in words, and the way on
tickets      one small file that a student hands in, and the reading of many
roster       the teacher's table of a class, made from tickets
exercises    what each chapter asks: answers, hints, cases, typical mistakes

Commands: ``python3 -m helpers --help``. The text of a chapter is in notebooks/src.
Importing this package imports nothing: it must work before anything is installed.
"""
